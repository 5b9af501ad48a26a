// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Config} from "../../src/lending/Config.sol";
import {Market, MarketLib, MarketSlots} from "../../src/lending/Market.sol";
import {RateModel} from "../../src/lending/RateModel.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LendingFixture, PlainToken} from "./LendingFixture.sol";

/// @dev One test for each cell of the rounding table of `docs/lending.md`: the side, and that it is within one.
contract LendingRoundingTest is LendingFixture {
    MarketSlots private slots;

    /// @dev A market in any state that it can come to.
    function market(uint256 seed) private view returns (Market memory m) {
        m.index = bound(uint256(keccak256(abi.encode(seed, 1))), 1e18, 1e21);
        m.time = block.timestamp;
        m.cash = bound(uint256(keccak256(abi.encode(seed, 2))), 0, 1e30);
        m.scaled = bound(uint256(keccak256(abi.encode(seed, 3))), 0, 1e33);
        m.shares = bound(uint256(keccak256(abi.encode(seed, 4))), 0, 1e36);
    }

    function testFuzz_Supply_SharesAreRoundedDown(uint256 seed, uint256 amount) public view {
        Market memory m = market(seed);
        amount = bound(amount, 0, 1e30);
        uint256 shares = m.toSharesDown(amount);
        // shares / (shares + virtual) <= amount / (assets + virtual), and one more would be too many.
        assertTrue(le(shares, m.assets() + 1, amount, m.shares + 1e6));
        assertFalse(le(shares + 1, m.assets() + 1, amount, m.shares + 1e6));
    }

    function testFuzz_Withdraw_SharesAreRoundedUp(uint256 seed, uint256 amount) public view {
        Market memory m = market(seed);
        amount = bound(amount, 1, 1e30);
        uint256 shares = m.toSharesUp(amount);
        assertTrue(le(amount, m.shares + 1e6, shares, m.assets() + 1));
        assertFalse(le(amount, m.shares + 1e6, shares - 1, m.assets() + 1));
    }

    function testFuzz_WithdrawAll_AssetsAreRoundedDown(uint256 seed, uint256 shares) public view {
        Market memory m = market(seed);
        shares = bound(shares, 0, m.shares);
        uint256 amount = m.toAssetsDown(shares);
        assertTrue(le(amount, m.shares + 1e6, shares, m.assets() + 1));
        assertFalse(le(amount + 1, m.shares + 1e6, shares, m.assets() + 1));
        assertLe(m.toSharesUp(amount), shares, "all shares suffice");
    }

    function testFuzz_Borrow_DebtIsRoundedUp(uint256 seed, uint256 amount) public view {
        Market memory m = market(seed);
        amount = bound(amount, 1, 1e30);
        uint256 scaled = m.toScaledUp(amount);
        assertGe(scaled * m.index, amount * 1e24);
        assertLt((scaled - 1) * m.index, amount * 1e24);
    }

    function testFuzz_Repay_ThePaidPartIsRoundedDown(uint256 seed, uint256 amount) public view {
        Market memory m = market(seed);
        amount = bound(amount, 1, 1e30);
        uint256 scaled = m.toScaledDown(amount);
        assertLe(scaled * m.index, amount * 1e24);
        assertGt((scaled + 1) * m.index, amount * 1e24);
    }

    function testFuzz_RepayAll_TheDebtIsRoundedUp(uint256 seed, uint256 scaled) public view {
        Market memory m = market(seed);
        scaled = bound(scaled, 1, 1e33);
        uint256 debt = m.toDebtUp(scaled);
        assertGe(debt * 1e24, scaled * m.index);
        assertLt((debt - 1) * 1e24, scaled * m.index);
        assertGt(debt, 0, "no debt is nothing");
    }

    function testFuzz_TotalDebt_IsRoundedDown(uint256 seed) public view {
        Market memory m = market(seed);
        assertLe(m.debt() * 1e24, m.scaled * m.index);
        assertGt((m.debt() + 1) * 1e24, m.scaled * m.index);
    }

    function testFuzz_Index_GrowsRoundedUp(uint256 debt, uint256 cash, uint256 time) public {
        (uint256 index, uint256 rate) = prepare(debt, cash, 2000);
        time = bound(time, 1, 365 days);
        vm.warp(block.timestamp + time);
        Market memory m = slots.load();
        uint256 exact = index * RateModel.growth(rate, time);
        assertGe((m.index - index) * 1e18, exact);
        assertLt(m.index - index == 0 ? 0 : (m.index - index - 1) * 1e18, exact + 1);
    }

    function testFuzz_Fee_SharesAreRoundedDown(uint256 debt, uint256 cash, uint256 time) public {
        prepare(debt, cash, 2000);
        Market memory before = slots.load();
        vm.warp(block.timestamp + bound(time, 1, 365 days));
        Market memory m = slots.load();
        uint256 fee = (m.debt() - before.debt()) * 2000 / 10_000;
        uint256 minted = m.shares - before.shares;
        assertLe(m.toAssetsDown(minted), fee, "worth at most the fee");
        assertGe(m.toAssetsDown(minted + 1) + 1, fee, "and no less");
    }

    function testFuzz_FlashFee_IsRoundedUp(uint256 amount) public view {
        amount = bound(amount, 0, 1e30);
        uint256 fee = pool.flashFee(address(eth), amount);
        assertGe(fee * 10_000, amount * 5);
        if (amount != 0) assertLt((fee - 1) * 10_000, amount * 5);
    }

    function testFuzz_FlashFee_ReserveSharesAreRoundedDown(uint256 seed, uint256 fee) public view {
        Market memory m = market(seed);
        fee = bound(fee, 1, 1e27);
        uint256 shares = m.toSharesDown(fee);
        m.cash += fee;
        m.shares += shares;
        assertLe(m.toAssetsDown(shares), fee);
    }

    function testFuzz_CollateralValue_IsRoundedDown(uint256 amount, uint256 price) public {
        (amount, price) = (bound(amount, 1, 1e15), bound(price, 1, 1e12));
        setPrice(address(btc), int128(int256(price)));
        supply(alice, address(btc), amount);
        ILendingPool.Account memory a = pool.accountOf(alice);
        uint256 held = pool.supplied(alice, address(btc));
        uint256 exact = held * price * 1e10;
        assertLe(a.collateral * 1e8, exact);
        assertGt((a.collateral + 1) * 1e8, exact);
        assertEq(a.limit, a.collateral * 7500 / 10_000, "down");
        assertEq(a.threshold, a.collateral * 8000 / 10_000, "down");
    }

    function testFuzz_DebtValue_IsRoundedUp(uint256 amount, uint256 price) public {
        (amount, price) = (bound(amount, 1, 1e10), bound(price, 1, 1e12));
        supply(lender, address(btc), 1e10);
        supply(alice, address(eth), 1e9 ether - 1);
        setPrice(address(btc), int128(int256(price)));
        borrow(alice, address(btc), amount);
        uint256 exact = pool.owed(alice, address(btc)) * price * 1e10;
        uint256 debt = pool.accountOf(alice).debt;
        assertGe(debt * 1e8, exact);
        assertLt((debt - 1) * 1e8, exact);
    }

    /// @dev A tenth of the debt: the collateral suffices, and no dust is left.
    function testFuzz_Liquidation_SeizedIsRoundedDown(uint256 amount) public {
        (uint256 debt, uint256 held) = underwater(1210e8);
        amount = bound(amount, 1e6, debt / 10);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(eth), amount);
        uint256 exact = amount * 1e12 * 105 / 100;
        uint256 got = held - pool.supplied(alice, address(eth));
        assertLe(pool.supplied(carol, address(eth)) * 1210, exact);
        assertLe(got * 1210, exact + 1210, "of the borrower a unit more, by rounding its claim");
        assertGe((got + 2) * 1210, exact);
    }

    function testFuzz_Liquidation_RepaidForAllIsRoundedUp(uint256 price) public {
        price = bound(price, 100e8, 900e8);
        (, uint256 held) = underwater(int128(int256(price)));
        uint256 before = usdx.balanceOf(carol);
        vm.prank(carol);
        pool.liquidate(alice, address(usdx), address(eth), MAX);
        uint256 paid = before - usdx.balanceOf(carol);
        // paid * 1.05 >= the collateral's worth, in units of 10^-26.
        assertGe(paid * 105 * 1e18, held * price * 100 / 1e2);
        assertLt((paid - 1) * 105 * 1e18, held * price * 100 / 1e2);
    }

    function testFuzz_WriteOff_ReserveSharesAreRoundedUp(uint256 seed, uint256 lost) public {
        Market memory m = market(seed);
        vm.assume(m.scaled > 0);
        lost = bound(lost, 1, m.scaled);
        slots.supplierShares = 0;
        Market memory before = copy(m);
        (uint256 fell, uint256 burned) = slots.writeOff(m, lost);
        assertEq(fell, before.assets() - m.assets());
        if (m.shares == 0) return;
        // The worth of a share did not fall.
        assertTrue(le(before.assets() + 1, m.shares + 1e6, m.assets() + 1, before.shares + 1e6));
        assertLe(burned, before.shares);
    }

    function testFuzz_TakeReserve_SharesAreRoundedUp(uint256 time, uint256 amount) public {
        supply(lender, address(usdx), 1_000_000e6);
        supply(alice, address(eth), 1000 ether);
        borrow(alice, address(usdx), 900_000e6);
        pass(bound(time, 1 days, 365 days));
        ILendingPool.MarketState memory m = pool.marketOf(address(usdx));
        uint256 most = m.reserveShares * (m.cash + m.debt + 1) / (m.shares + 1e6);
        amount = bound(amount, 1, most);
        vm.prank(owner);
        pool.takeReserve(address(usdx), owner, amount);
        uint256 burned = m.reserveShares - pool.marketOf(address(usdx)).reserveShares;
        assertGe(burned * (m.cash + m.debt + 1), amount * (m.shares + 1e6));
        assertLt((burned - 1) * (m.cash + m.debt + 1), amount * (m.shares + 1e6));
    }

    function testFuzz_DoubtfulPrices_AreRoundedForTheDebtor(uint256 price) public {
        price = bound(price, 1, 1e12);
        supply(lender, address(btc), 100e8);
        supply(alice, address(eth), 1e9 ether);
        borrow(alice, address(btc), 1e8);
        setPrice(address(eth), int128(int256(price)));
        engine.suspend(feedOf[address(eth)], "test");
        engine.suspend(feedOf[address(btc)], "test");
        ILendingPool.Account memory a = pool.accountOf(alice);
        uint256 up = Math.ceilDiv(price * 1e10 * 11_000, 10_000);
        assertEq(a.collateral, pool.supplied(alice, address(eth)) * up / 1e18);
        assertEq(a.debt, Math.ceilDiv(pool.owed(alice, address(btc)) * 45_000e18, 1e8));
        assertEq(a.doubtful != address(0), true);
    }

    // Helpers

    /// @dev Whether a * b <= c * d, of numbers whose products have up to 512 bits.
    function le(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 h1, uint256 l1) = Math.mul512(a, b);
        (uint256 h2, uint256 l2) = Math.mul512(c, d);
        return h1 < h2 || (h1 == h2 && l1 <= l2);
    }

    function copy(Market memory m) private pure returns (Market memory) {
        return Market(m.config, m.index, m.time, m.cash, m.shares, m.scaled);
    }

    function prepare(uint256 debt, uint256 cash, uint256 factor)
        private
        returns (uint256 index, uint256 rate)
    {
        (debt, cash) = (bound(debt, 1e6, 1e27), bound(cash, 0, 1e27));
        slots.config =
            Config.wrap(factor << 48 | 200 << 64 | 400 << 80 | 10_000 << 96 | 8000 << 112);
        Market memory m = slots.load();
        (m.index, m.cash) = (1.3e18, cash);
        m.time = block.timestamp;
        m.scaled = m.toScaledUp(debt);
        m.shares = m.assets() * 9e5;
        slots.store(m);
        return (m.index, m.borrowRate());
    }

    function underwater(int128 price) private returns (uint256 debt, uint256 held) {
        supply(lender, address(usdx), 1_000_000e6);
        supply(alice, address(eth), 100 ether);
        borrow(alice, address(usdx), 120_000e6);
        setPrice(address(eth), price);
        give(address(usdx), carol, 200_000e6);
        return (pool.owed(alice, address(usdx)), pool.supplied(alice, address(eth)));
    }
}

/// @dev The rate model: where it begins, bends and ends, and that nothing makes it revert.
contract RateModelTest is Test {
    function test_TheRateBendsAtTheOptimum() public pure {
        assertEq(RateModel.yearlyRate(0, 100, 400, 10_000, 8000), 0.01e18);
        assertEq(RateModel.yearlyRate(0.4e18, 100, 400, 10_000, 8000), 0.03e18);
        assertEq(RateModel.yearlyRate(0.8e18, 100, 400, 10_000, 8000), 0.05e18);
        assertEq(RateModel.yearlyRate(0.9e18, 100, 400, 10_000, 8000), 0.55e18);
        assertEq(RateModel.yearlyRate(1e18, 100, 400, 10_000, 8000), 1.05e18);
    }

    function testFuzz_TheRateRisesWithUtilisationAndStaysWithinItsBounds(
        uint256 a,
        uint256 b,
        uint16 base,
        uint16 slope1,
        uint16 slope2,
        uint16 optimal
    ) public pure {
        (a, b) = (bound(a, 0, 1e18), bound(b, 0, 1e18));
        if (a > b) (a, b) = (b, a);
        uint256 kink = bound(optimal, 1, 9999);
        uint256 low = RateModel.yearlyRate(a, base, slope1, slope2, kink);
        uint256 high = RateModel.yearlyRate(b, base, slope1, slope2, kink);
        assertLe(low, high);
        assertGe(low, uint256(base) * 1e14);
        assertLe(high, (uint256(base) + slope1 + slope2) * 1e14);
    }

    function testFuzz_UtilisationIsAtMostOne(uint256 debt, uint256 cash) public pure {
        (debt, cash) = (bound(debt, 0, 1 << 191), bound(cash, 0, 1 << 191));
        assertLe(RateModel.utilisation(debt, cash), 1e18);
        assertEq(RateModel.utilisation(0, cash), 0);
    }

    function testFuzz_GrowthIsInterestOnInterest(uint256 rate, uint256 time) public pure {
        (rate, time) = (bound(rate, 0, 3e18), bound(time, 1, 1 << 39));
        uint256 growth = RateModel.growth(rate, time);
        assertGe(growth, rate * time / 365 days, "no less than simple interest");
        uint256 half = RateModel.growth(rate, time / 2);
        uint256 twice = half + half + half * half / 1e18;
        // Who calls in between changes what is left out of the series, never in the debtor's favour.
        assertGe(twice + 6 + 2 * rate / 365 days, growth * (time / 2 * 2) / time);
    }

    function test_AYearOfTheHighestRate() public pure {
        // e^3 - 1 = 19.09, of which three terms are 3 + 4.5 + 4.5.
        assertEq(RateModel.growth(3e18, 365 days), 12e18);
        assertEq(RateModel.growth(0.05e18, 365 days), 0.051270833333333333e18);
    }
}

/// @dev Interest at the ends of what a market can hold: it may stop growing, it never reverts.
contract MarketExtremesTest is Test {
    MarketSlots private slots;

    function testFuzz_NoStateAndNoTimeStopsAMarket(
        uint256 config,
        uint96 index,
        uint120 cash,
        uint128 shares,
        uint128 scaled,
        uint40 time,
        uint40 later
    ) public {
        // Rates and reserve factor as the owner can set them.
        uint256 factor = bound(uint16(config), 0, 5000);
        uint256 rates = bound(uint16(config >> 16), 0, 10_000);
        uint256 optimal = bound(uint16(config >> 32), 1, 9999);
        slots.config =
            Config.wrap(factor << 48 | rates << 64 | rates << 80 | rates << 96 | optimal << 112);
        index = uint96(bound(index, 1e18, type(uint96).max));
        if (time > later) (time, later) = (later, time);
        slots.state = uint256(index) | uint256(time) << 96 | uint256(cash) << 136;
        slots.totals = uint256(shares) | uint256(scaled) << 128;
        vm.warp(later);
        Market memory m = slots.load();
        assertGe(m.index, index);
        assertGe(m.shares, shares);
        slots.store(m);
        Market memory again = slots.load();
        assertEq(abi.encode(again), abi.encode(m));
        m.toAssetsDown(m.shares);
        m.toDebtUp(m.scaled);
    }

    function test_TheIndexStopsAtItsEnd() public {
        slots.config = Config.wrap(uint256(10_000) << 64 | 5000 << 112);
        slots.state = uint256(type(uint96).max) | block.timestamp << 96;
        slots.totals = uint256(1e30) | uint256(1e30) << 128;
        vm.warp(block.timestamp + 365 days);
        Market memory m = slots.load();
        assertEq(m.index, MarketLib.MAX_INDEX);
        assertEq(m.shares, 1e30, "no interest, no fee");
    }

    function test_FeeSharesStopAtTheirEnd() public {
        slots.config = Config.wrap(uint256(5000) << 48 | uint256(10_000) << 64 | 5000 << 112);
        slots.state = uint256(1e18) | block.timestamp << 96;
        slots.totals = uint256(type(uint128).max - 5) | uint256(1e36) << 128;
        vm.warp(block.timestamp + 365 days);
        Market memory m = slots.load();
        assertEq(m.shares, type(uint128).max);
        slots.store(m);
    }
}
