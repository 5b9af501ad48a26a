// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LendingFixture} from "./LendingFixture.sol";

/// @dev Everything that must hold of the pool, whatever is done to it. Three kinds:
///
/// - `property_...`: of every state. The invariant suites ask them after each call.
/// - `afterAny`: of every action, compared with the state before it (`watched`).
/// - `afterAction...`: of one kind of action.
///
/// S1  the shares of all accounts and the reserve are all shares; the debts of all accounts are all debt
/// S2  what a market has covers what its suppliers and the reserve can claim
/// S3  the pool holds at least the tokens that it calls cash
/// S4  no debt without collateral; the map says what holdings say
/// S5  who is within the threshold stays there while prices and time stand still
/// S6  the index and the worth of a share never fall, but when a debt is written off in that very market
/// S7  supplying and withdrawing, borrowing and repaying, gain nothing
/// S8  debtors are charged at least what suppliers and the reserve earn
/// S9  caps hold after supplying and borrowing
/// S14 a flash loan leaves at least what there was and the fee, to the reserve
/// S15 everybody can repay everything, and then everybody can leave
abstract contract LendingProperties is LendingFixture {
    uint256 internal constant VIRTUAL_SHARES = 1e6;

    struct Seen {
        uint256 assets;
        uint256 shares;
        uint256 index;
        uint256 cash;
        uint256 debt;
        uint256 reserve;
    }

    address[] internal actors;
    /// @dev Everybody who can have shares or debts: the actors and one more.
    address[] internal holders;
    address[] internal tokens;
    mapping(address token => Seen) internal seen;

    /// @dev How many times each action did something: a suite whose actions all turn back proves nothing.
    mapping(string action => uint256) public done;

    /// @dev Looks at the pool before and after an action.
    modifier watched(string memory action) {
        look();
        vm.recordLogs();
        _;
        if (afterAny()) done[action]++;
    }

    function look() internal {
        for (uint256 i = 0; i < tokens.length; i++) {
            seen[tokens[i]] = see(tokens[i]);
        }
    }

    function see(address token) internal view returns (Seen memory s) {
        ILendingPool.MarketState memory m = pool.marketOf(token);
        (s.assets, s.shares, s.index) = (m.cash + m.debt, m.shares, m.index);
        (s.cash, s.debt) = (m.cash, m.debt);
        s.reserve = worthOf(m.reserveShares, s.assets, s.shares);
    }

    /// @dev What suppliers can claim. Not part of `Seen`: it takes many calls, and few actions compare it.
    function claimsOn(address token) internal view returns (uint256 claims) {
        for (uint256 i = 0; i < holders.length; i++) {
            claims += pool.supplied(holders[i], token);
        }
    }

    /// @dev `shares` of `all` of a market that has `assets`.
    function worthOf(uint256 shares, uint256 assets, uint256 all) internal pure returns (uint256) {
        return Math.mulDiv(shares, assets + 1, all + VIRTUAL_SHARES);
    }

    // Of every state

    struct Holding {
        uint256 shares;
        uint256 scaled;
        uint256 claim;
        bool collateral;
    }

    /// @dev What the pool says of itself, read once for all properties.
    struct Picture {
        ILendingPool.MarketState[] markets;
        ILendingPool.Account[] accounts;
        /// @dev By holder, then by token.
        Holding[][] holdings;
    }

    function picture() internal view returns (Picture memory p) {
        p.markets = new ILendingPool.MarketState[](tokens.length);
        p.accounts = new ILendingPool.Account[](holders.length);
        p.holdings = new Holding[][](holders.length);
        for (uint256 t = 0; t < tokens.length; t++) {
            p.markets[t] = pool.marketOf(tokens[t]);
        }
        for (uint256 a = 0; a < holders.length; a++) {
            p.accounts[a] = pool.accountOf(holders[a]);
            p.holdings[a] = new Holding[](tokens.length);
            for (uint256 t = 0; t < tokens.length; t++) {
                Holding memory h = p.holdings[a][t];
                (h.shares, h.scaled, h.collateral) = pool.holdingOf(holders[a], tokens[t]);
                h.claim = pool.supplied(holders[a], tokens[t]);
            }
        }
    }

    /// @dev Whatever prices and time do.
    function properties_S1_S2_S3_S4(Picture memory p) internal view {
        property_S1_SharesAndDebtsAddUp(p);
        property_S2_AssetsCoverClaims(p);
        property_S3_TheCashIsThere(p);
        property_S4_NoDebtWithoutCollateral(p);
    }

    function property_S1_SharesAndDebtsAddUp(Picture memory p) internal pure {
        for (uint256 t = 0; t < p.markets.length; t++) {
            uint256 shares = p.markets[t].reserveShares;
            uint256 scaled;
            for (uint256 a = 0; a < p.holdings.length; a++) {
                shares += p.holdings[a][t].shares;
                scaled += p.holdings[a][t].scaled;
            }
            assertEq(shares, p.markets[t].shares, "S1 shares");
            assertEq(scaled, p.markets[t].scaled, "S1 debt");
        }
    }

    function property_S2_AssetsCoverClaims(Picture memory p) internal pure {
        for (uint256 t = 0; t < p.markets.length; t++) {
            ILendingPool.MarketState memory m = p.markets[t];
            uint256 assets = m.cash + m.debt;
            uint256 claims = worthOf(m.reserveShares, assets, m.shares);
            for (uint256 a = 0; a < p.holdings.length; a++) {
                claims += p.holdings[a][t].claim;
            }
            assertGe(assets, claims, "S2");
        }
    }

    function property_S3_TheCashIsThere(Picture memory p) internal view {
        for (uint256 t = 0; t < p.markets.length; t++) {
            assertGe(IERC20(tokens[t]).balanceOf(address(pool)), p.markets[t].cash, "S3");
        }
    }

    function property_S4_NoDebtWithoutCollateral(Picture memory p) internal pure {
        for (uint256 a = 0; a < p.holdings.length; a++) {
            bool secured;
            bool indebted;
            for (uint256 t = 0; t < p.markets.length; t++) {
                Holding memory h = p.holdings[a][t];
                if (h.collateral) assertGt(h.shares, 0, "S4 collateral of nothing");
                secured = secured || h.collateral;
                indebted = indebted || h.scaled != 0;
            }
            assertTrue(secured || !indebted, "S4");
            assertEq(p.accounts[a].debt != 0, indebted, "S4 the map knows of debts");
        }
    }

    /// @dev Of a market without time and changes of prices only.
    function property_S5_TheHealthyStayHealthy(Picture memory p) internal pure {
        for (uint256 a = 0; a < p.accounts.length; a++) {
            assertGe(p.accounts[a].threshold, p.accounts[a].debt, "S5");
        }
    }

    // Of every action

    /// @dev Whether anything happened: everything that does is logged, but for time.
    function afterAny() internal returns (bool) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 t = 0; t < tokens.length; t++) {
            Seen memory before = seen[tokens[t]];
            Seen memory now_ = see(tokens[t]);
            assertGe(now_.index, before.index, "S6 index");
            if (wroteOff(logs, tokens[t])) continue;
            // (assets + 1) / (shares + virtual shares), multiplied out. But for a share: those for the fee of the time
            // since the market was written are rounded down whenever one looks.
            assertGe(
                (now_.assets + 1) * (before.shares + VIRTUAL_SHARES),
                (before.assets + 1) * (now_.shares + VIRTUAL_SHARES - 1),
                "S6 worth of a share"
            );
        }
        return logs.length != 0;
    }

    function wroteOff(Vm.Log[] memory logs, address token) private view returns (bool) {
        for (uint256 i = 0; i < logs.length; i++) {
            if (
                logs[i].emitter == address(pool)
                    && logs[i].topics[0] == ILendingPool.DebtWrittenOff.selector
                    && logs[i].topics[2] == bytes32(uint256(uint160(token)))
            ) return true;
        }
        return false;
    }

    // Of one kind of action

    function afterSupply(address token) internal view {
        ILendingPool.MarketState memory m = pool.marketOf(token);
        uint256 unit = 10 ** PlainDecimals(token).decimals();
        assertLe(m.cash + m.debt, pool.configOf(token).supplyCap * unit, "S9 supply cap");
    }

    function afterBorrow(address who, address token) internal view {
        uint256 unit = 10 ** PlainDecimals(token).decimals();
        assertLe(pool.marketOf(token).debt, pool.configOf(token).borrowCap * unit, "S9 borrow cap");
        ILendingPool.Account memory account = pool.accountOf(who);
        assertLe(account.debt, account.limit, "a loan beyond the limit");
    }

    function afterTime(address token, uint256 claims) internal view {
        Seen memory before = seen[token];
        Seen memory now_ = see(token);
        uint256 charged = now_.debt - before.debt;
        uint256 earned = claimsOn(token) + now_.reserve - claims - before.reserve;
        // Each claim is rounded down, before and after: it may seem to gain a unit.
        uint256 rounding = holders.length + 1;
        assertGe(charged + rounding, earned, "S8");
        assertEq(now_.cash, before.cash, "S8 time moves no cash");
    }

    function afterFlashLoan(address token, uint256 balance, uint256 fee, uint256 claims)
        internal
        view
    {
        assertEq(IERC20(token).balanceOf(address(pool)), balance + fee, "S14 balance");
        Seen memory now_ = see(token);
        assertEq(now_.cash, seen[token].cash + fee, "S14 cash");
        assertGe(claimsOn(token), claims, "S14 suppliers");
    }

    /// @dev Everybody repays, then everybody leaves, the owner with the reserve last.
    function check_S15_EverybodyCanLeave() internal {
        for (uint256 a = 0; a < holders.length; a++) {
            for (uint256 t = 0; t < tokens.length; t++) {
                uint256 debt = pool.owed(holders[a], tokens[t]);
                if (debt == 0) continue;
                give(tokens[t], holders[a], debt);
                repay(holders[a], tokens[t], MAX);
                assertEq(pool.owed(holders[a], tokens[t]), 0, "S15 repaid");
            }
            assertEq(pool.accountOf(holders[a]).debt, 0, "S15 debt");
        }
        for (uint256 t = 0; t < tokens.length; t++) {
            assertEq(pool.marketOf(tokens[t]).scaled, 0, "S15 all debt");
            for (uint256 a = 0; a < holders.length; a++) {
                uint256 worth = pool.supplied(holders[a], tokens[t]);
                if (worth == 0) continue;
                uint256 before = IERC20(tokens[t]).balanceOf(holders[a]);
                withdraw(holders[a], tokens[t], MAX);
                assertGe(IERC20(tokens[t]).balanceOf(holders[a]) - before, worth, "S15 withdrawn");
                assertEq(sharesOf(holders[a], tokens[t]), 0, "S15 shares");
            }
            ILendingPool.MarketState memory m = pool.marketOf(tokens[t]);
            if (m.reserveShares * (m.cash + 1) >= m.shares + VIRTUAL_SHARES) {
                vm.prank(owner);
                pool.takeReserve(tokens[t], owner, MAX);
            }
        }
    }
}

interface PlainDecimals {
    function decimals() external view returns (uint8);
}
