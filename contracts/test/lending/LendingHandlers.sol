// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC3156FlashBorrower} from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LendingProperties, PlainDecimals} from "./LendingProperties.sol";

/// @dev Takes a flash loan, does something in the pool with it, and undoes that.
contract BusyFlashBorrower is IERC3156FlashBorrower {
    ILendingPool private immutable _POOL;
    bool private immutable _USE;

    constructor(ILendingPool pool, bool use) {
        (_POOL, _USE) = (pool, use);
    }

    function onFlashLoan(address, address token, uint256 amount, uint256, bytes calldata)
        external
        returns (bytes32)
    {
        IERC20(token).approve(address(_POOL), type(uint256).max);
        if (_USE) {
            _POOL.supply(token, amount / 2);
            // A unit may be rounded to a share that is worth nothing yet. It stays, with what it will be worth: to take
            // more than was put in would need cash that is out on the loan.
            uint256 claim = _POOL.supplied(address(this), token);
            claim = claim < amount / 2 ? claim : amount / 2;
            if (claim != 0) _POOL.withdraw(token, claim);
        }
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }
}

/// @dev What actors do, with inputs bounded so that the pool must not refuse: a call that reverts is a failure.
/// Functions of names `act...` are for a market that stands still, `move...` for one that moves.
abstract contract LendingHandlers is LendingProperties {
    address internal quietFlash;
    address internal busyFlash;

    function setUp() public virtual override {
        super.setUp();
        actors = [alice, bob, carol, lender];
        tokens = [address(eth), address(usdx), address(eur)];
        // Caps that are reached.
        ILendingPool.MarketConfig memory config = stableConfig();
        (config.supplyCap, config.borrowCap) = (2_000_000, 1_200_000);
        vm.prank(owner);
        pool.configure(address(usdx), config);
        quietFlash = address(new BusyFlashBorrower(pool, false));
        busyFlash = address(new BusyFlashBorrower(pool, true));
        accounts.open(quietFlash, quietFlash, 7, "DE", "EUR");
        accounts.open(busyFlash, busyFlash, 7, "DE", "EUR");
        holders = [alice, bob, carol, lender, busyFlash];
        for (uint256 a = 0; a < actors.length; a++) {
            supply(actors[a], address(eth), 10 ether);
            supply(actors[a], address(usdx), 10_000e6);
            supply(actors[a], address(eur), 10_000e2);
        }
    }

    function actorOf(uint256 seed) internal view returns (address) {
        return actors[seed % actors.length];
    }

    function tokenOf(uint256 seed) internal view returns (address) {
        return tokens[seed % tokens.length];
    }

    function unitOf(address token) internal view returns (uint256) {
        return 10 ** PlainDecimals(token).decimals();
    }

    /// @dev A sum of a token that makes sense: up to a million in the unit of account.
    function sumOf(address token, uint256 seed) internal view returns (uint256) {
        (uint256 price,) = prices.lastOf(token);
        return bound(seed, 1, 1 + 1_000_000e18 * unitOf(token) / price);
    }

    /// @dev How much an account may borrow or free, in a token.
    function roomOf(address who, address token) internal view returns (uint256) {
        ILendingPool.Account memory a = pool.accountOf(who);
        (uint256 price, uint256 doubt,) = prices.quote(token);
        if (doubt != 0 || a.doubtful != address(0) || a.limit <= a.debt) return 0;
        return (a.limit - a.debt) * unitOf(token) / price;
    }

    function less(uint256 a, uint256 b) internal pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    // A market that stands still

    function actSupply(uint256 actor, uint256 which, uint256 amount) external watched("supply") {
        address token = tokenOf(which);
        ILendingPool.MarketState memory m = pool.marketOf(token);
        uint256 room =
            less(uint256(pool.configOf(token).supplyCap) * unitOf(token), m.cash + m.debt);
        amount = min(sumOf(token, amount), room);
        if (amount == 0) return;
        supply(actorOf(actor), token, amount);
        afterSupply(token);
    }

    function actWithdraw(uint256 actor, uint256 which, uint256 amount)
        external
        watched("withdraw")
    {
        (address who, address token) = (actorOf(actor), tokenOf(which));
        uint256 most = min(pool.supplied(who, token), cashOf(token));
        ILendingPool.Account memory a = pool.accountOf(who);
        if (a.debt != 0 && isCollateral(who, token)) {
            uint256 room = roomOf(who, token) * 10_000 / pool.configOf(token).limit;
            most = min(most, less(room, 3));
        }
        if (most == 0) return;
        amount = bound(amount, 1, most);
        uint256 before = IERC20(token).balanceOf(who);
        withdraw(who, token, amount);
        assertEq(IERC20(token).balanceOf(who) - before, amount, "paid out");
    }

    function actBorrow(uint256 actor, uint256 which, uint256 amount) external watched("borrow") {
        (address who, address token) = (actorOf(actor), tokenOf(which));
        ILendingPool.MarketState memory m = pool.marketOf(token);
        uint256 most = min(less(roomOf(who, token), 3), m.cash);
        most = min(most, less(uint256(pool.configOf(token).borrowCap) * unitOf(token), m.debt + 1));
        if (most == 0) return;
        amount = bound(amount, 1, most);
        borrow(who, token, amount);
        afterBorrow(who, token);
    }

    function actRepay(uint256 actor, uint256 other, uint256 which, uint256 amount)
        external
        watched("repay")
    {
        (address who, address borrower, address token) =
            (actorOf(actor), actorOf(other), tokenOf(which));
        uint256 debt = pool.owed(borrower, token);
        if (debt == 0) return;
        amount = bound(amount, 1, debt + 1);
        give(token, who, debt);
        uint256 before = IERC20(token).balanceOf(who);
        vm.prank(who);
        pool.repayFor(borrower, token, amount);
        assertEq(before - IERC20(token).balanceOf(who), min(amount, debt), "paid in");
        assertLe(debt - min(amount, debt), pool.owed(borrower, token), "owed less than not paid");
    }

    function actSetCollateral(uint256 actor, uint256 which, bool used)
        external
        watched("set collateral")
    {
        (address who, address token) = (actorOf(actor), tokenOf(which));
        if (used) {
            if (sharesOf(who, token) == 0) return;
        } else if (pool.accountOf(who).debt != 0 && isCollateral(who, token)) {
            uint256 freed = pool.supplied(who, token) * pool.configOf(token).limit / 10_000 + 1;
            if (roomOf(who, token) < freed + 1) return;
        }
        vm.prank(who);
        pool.setCollateral(token, used);
    }

    function actFlashLoan(uint256 actor, uint256 which, uint256 amount, bool busy)
        external
        watched("flash loan")
    {
        address token = tokenOf(which);
        if (cashOf(token) < 2) return;
        address receiver = busy ? busyFlash : quietFlash;
        amount = bound(amount, 2, cashOf(token));
        ILendingPool.MarketState memory m = pool.marketOf(token);
        uint256 room =
            less(uint256(pool.configOf(token).supplyCap) * unitOf(token), m.cash + m.debt);
        if (busy) amount = min(amount, 2 * room);
        if (amount < 2) return;
        uint256 fee = pool.flashFee(token, amount);
        // Rounding of what the receiver does with it may cost it a unit.
        give(token, receiver, fee + 1);
        uint256 held = IERC20(token).balanceOf(receiver);
        uint256 balance = IERC20(token).balanceOf(address(pool));
        uint256 claims = claimsOn(token);
        vm.prank(actorOf(actor));
        pool.flashLoan(IERC3156FlashBorrower(receiver), token, amount, "");
        assertLe(IERC20(token).balanceOf(receiver) + fee, held, "S14 the receiver gained");
        if (!busy) afterFlashLoan(token, balance, fee, claims);
        assertGe(IERC20(token).balanceOf(address(pool)), balance + fee, "S14");
    }

    function actDonate(uint256 which, uint256 amount) external watched("donate") {
        address token = tokenOf(which);
        amount = sumOf(token, amount);
        give(token, lender, amount);
        Seen memory before = see(token);
        uint256 claims = claimsOn(token);
        vm.prank(lender);
        assertTrue(IERC20(token).transfer(address(pool), amount));
        assertEq(abi.encode(see(token)), abi.encode(before), "a donation is no cash");
        assertEq(claimsOn(token), claims, "a donation is nobody's");
    }

    function actSupplyAndWithdraw(uint256 actor, uint256 which, uint256 amount)
        external
        watched("supply and withdraw")
    {
        (address who, address token) = (actorOf(actor), tokenOf(which));
        ILendingPool.MarketState memory m = pool.marketOf(token);
        uint256 room =
            less(uint256(pool.configOf(token).supplyCap) * unitOf(token), m.cash + m.debt);
        amount = min(sumOf(token, amount), room);
        if (amount == 0) return;
        uint256 before = pool.supplied(who, token);
        // Else what it gives stays: the account may be beyond its limit, or at it.
        bool free = pool.accountOf(who).debt == 0 || roomOf(who, token) > 3;
        supply(who, token, amount);
        uint256 gained = pool.supplied(who, token) - before;
        // Two claims rounded down: a unit may come from what was there.
        assertLe(gained, amount + 1, "S7 supplied");
        uint256 shares = sharesOf(who, token);
        if (gained == 0 || !free) return;
        withdraw(who, token, min(amount, pool.supplied(who, token)));
        assertLe(pool.supplied(who, token), before, "S7 withdrawn");
        assertLe(sharesOf(who, token), shares, "S7 shares");
    }

    function actBorrowAndRepay(uint256 actor, uint256 which, uint256 amount)
        external
        watched("borrow and repay")
    {
        (address who, address token) = (actorOf(actor), tokenOf(which));
        ILendingPool.MarketState memory m = pool.marketOf(token);
        uint256 most = min(less(roomOf(who, token), 3), m.cash);
        most = min(most, less(uint256(pool.configOf(token).borrowCap) * unitOf(token), m.debt + 1));
        if (most == 0) return;
        amount = bound(amount, 1, most);
        uint256 before = scaledOf(who, token);
        borrow(who, token, amount);
        vm.prank(who);
        IERC20(token).approve(address(pool), MAX);
        repay(who, token, amount);
        assertGe(scaledOf(who, token), before, "S7 borrowed and repaid");
    }

    function actTakeReserve(uint256 which, uint256 amount) external watched("take reserve") {
        address token = tokenOf(which);
        uint256 most = min(see(token).reserve, cashOf(token));
        if (most == 0) return;
        vm.prank(owner);
        pool.takeReserve(token, owner, bound(amount, 1, most));
    }

    // A market that moves

    function moveTime(uint256 time) external watched("time") {
        uint256[] memory claims = new uint256[](tokens.length);
        for (uint256 t = 0; t < tokens.length; t++) {
            claims[t] = claimsOn(tokens[t]);
        }
        vm.warp(block.timestamp + bound(time, 1, 30 days));
        for (uint256 t = 0; t < tokens.length; t++) {
            afterTime(tokens[t], claims[t]);
        }
        refresh();
    }

    /// @dev Time goes by and nobody reports.
    function moveTimeWithoutPrices(uint256 time) external watched("time without prices") {
        vm.warp(block.timestamp + bound(time, 1, 3 hours));
    }

    function movePrice(uint256 which, uint256 percent) external watched("price") {
        address token = tokenOf(which);
        (uint256 price,) = prices.lastOf(token);
        price = price / 1e10 * bound(percent, 60, 160) / 100;
        setPrice(token, int128(int256(bound(price, 1e6, 1e14))));
    }

    /// @dev The engine has another answer, and nobody says that it is all right.
    function moveAnswer(uint256 which, uint256 percent) external watched("answer") {
        address token = tokenOf(which);
        (uint256 price,) = prices.lastOf(token);
        price = price / 1e10 * bound(percent, 80, 120) / 100;
        engine.forceAnswer(
            feedOf[token], int128(int256(bound(price, 1e6, 1e14))), uint64(block.timestamp)
        );
    }

    function moveSuspend(uint256 which) external watched("suspend") {
        engine.suspend(feedOf[tokenOf(which)], "test");
    }

    function moveLiquidate(uint256 actor, uint256 other, uint256 dIn, uint256 cIn, uint256 amount)
        external
        watched("liquidate")
    {
        tryToLiquidate(actorOf(actor), actorOf(other), tokenOf(dIn), tokenOf(cIn), amount);
    }

    /// @dev What an account has as collateral and does not owe loses nearly all its worth for a while, in which
    /// somebody liquidates what there is: its debts are written off.
    function moveBankrupt(uint256 actor, uint256 other) external watched("bankrupt") {
        (address who, address borrower) = (actorOf(actor), actorOf(other));
        if (pool.accountOf(borrower).debt == 0) return;
        uint256[] memory before = new uint256[](tokens.length);
        for (uint256 t = 0; t < tokens.length; t++) {
            if (!isCollateral(borrower, tokens[t]) || scaledOf(borrower, tokens[t]) != 0) continue;
            (before[t],) = prices.lastOf(tokens[t]);
            setPrice(tokens[t], int128(int256(bound(before[t] / 1e10 / 1000, 1, 1e14))));
        }
        for (uint256 d = 0; d < tokens.length; d++) {
            for (uint256 c = 0; c < tokens.length; c++) {
                tryToLiquidate(who, borrower, tokens[d], tokens[c], MAX);
            }
        }
        for (uint256 t = 0; t < tokens.length; t++) {
            if (before[t] != 0) setPrice(tokens[t], int128(int256(before[t] / 1e10)));
        }
    }

    function tryToLiquidate(address who, address borrower, address d, address c, uint256 amount)
        private
    {
        if (who == borrower || pool.healthFactor(borrower) >= 1e18) return;
        uint256 debt = pool.owed(borrower, d);
        if (debt == 0 || !isCollateral(borrower, c)) return;
        amount = amount % 2 == 0 || amount == MAX ? MAX : bound(amount, 1, debt);
        give(d, who, debt);
        uint256 paid = IERC20(d).balanceOf(who);
        uint256 got = pool.supplied(who, c);
        vm.prank(who);
        try pool.liquidate(borrower, d, c, amount) {
            paid -= IERC20(d).balanceOf(who);
            got = less(pool.supplied(who, c), got);
            checkLiquidation(d, c, paid, got);
            done["liquidation"]++;
            if (debt > paid && pool.owed(borrower, d) == 0) done["write-off"]++;
        } catch (bytes memory reason) {
            // A part that would leave dust, or is worth nothing, is refused: all else is a failure.
            bytes4 error = bytes4(reason);
            assertTrue(
                error == ILendingPool.DustLeft.selector
                    || error == ILendingPool.AmountTooSmall.selector,
                "a liquidation was refused"
            );
        }
    }

    function checkLiquidation(address d, address c, uint256 paid, uint256 got) private view {
        (uint256 priceD, uint256 doubtD,) = prices.quote(d);
        (uint256 priceC, uint256 doubtC,) = prices.quote(c);
        priceD = priceD * (10_000 - doubtD) / 10_000 + 1;
        priceC = priceC * (10_000 + doubtC) / 10_000;
        uint256 worth = paid * priceD / unitOf(d) * (10_000 + pool.configOf(c).bonus) / 10_000;
        // Claims of the liquidator are rounded, before and after.
        assertLe(less(got, 2) * priceC / unitOf(c), worth + 1e9, "more than the bonus");
    }
}
