// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {IAccountGate} from "../../src/lending/IAccountGate.sol";
import {ILendingPool} from "../../src/lending/ILendingPool.sol";
import {LedgerGate} from "../../src/lending/LedgerGate.sol";
import {LendingPool} from "../../src/lending/LendingPool.sol";
import {OracleAdapter} from "../../src/oracle/OracleAdapter.sol";
import {AccountsDouble} from "../doubles/AccountsDouble.sol";
import {ComplianceDouble} from "../doubles/ComplianceDouble.sol";
import {CurrencyTokenDouble} from "../doubles/CurrencyTokenDouble.sol";
import {OracleDouble} from "../doubles/OracleDouble.sol";

/// @dev An ordinary token that anybody may mint.
contract PlainToken is ERC20 {
    uint8 private immutable _DECIMALS;

    constructor(string memory symbol, uint8 decimals_) ERC20(symbol, symbol) {
        _DECIMALS = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _DECIMALS;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @dev A pool with four markets on doubles of the engines: ETH (18 digits, 2,000), USDX (6 digits, 1), BTC (8 digits,
/// 50,000) and the ledger's EUR (2 digits, 1.10), of which the last can be held by ledger accounts only.
abstract contract LendingFixture is Test {
    uint256 internal constant MAX = type(uint256).max;

    OracleDouble internal engine = OracleDouble(payable(address(QenexAddresses.ORACLE)));
    AccountsDouble internal accounts = AccountsDouble(payable(address(QenexAddresses.ACCOUNTS)));
    ComplianceDouble internal compliance =
        ComplianceDouble(payable(address(QenexAddresses.COMPLIANCE)));

    OracleAdapter internal prices;
    LendingPool internal pool;
    PlainToken internal eth;
    PlainToken internal usdx;
    PlainToken internal btc;
    CurrencyTokenDouble internal eur;

    address internal owner = makeAddr("owner");
    address internal guardian = makeAddr("guardian");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");
    address internal lender = makeAddr("lender");

    mapping(address token => uint32) internal feedOf;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.etch(address(engine), address(new OracleDouble()).code);
        vm.etch(address(accounts), address(new AccountsDouble()).code);
        vm.etch(address(compliance), address(new ComplianceDouble()).code);
        eur = CurrencyTokenDouble(address(QenexAddresses.face("EUR")));
        vm.etch(address(eur), address(new CurrencyTokenDouble(2)).code);

        prices = new OracleAdapter(owner);
        pool = new LendingPool(owner, prices, new LedgerGate());
        vm.prank(owner);
        pool.setGuardian(guardian);
        eth = new PlainToken("ETH", 18);
        usdx = new PlainToken("USDX", 6);
        btc = new PlainToken("BTC", 8);
        list(address(eth), 2000e8, riskyConfig());
        list(address(usdx), 1e8, stableConfig());
        list(address(btc), 50_000e8, riskyConfig());
        ILendingPool.MarketConfig memory config = stableConfig();
        config.ledger = true;
        list(address(eur), 1.1e8, config);

        address[6] memory who = [address(pool), alice, bob, carol, lender, owner];
        for (uint256 i = 0; i < who.length; i++) {
            accounts.open(who[i], who[i], i == 0 ? 7 : 1, "DE", "EUR");
        }
    }

    function riskyConfig() internal pure returns (ILendingPool.MarketConfig memory) {
        return ILendingPool.MarketConfig({
            limit: 7500,
            threshold: 8000,
            bonus: 500,
            reserveFactor: 2000,
            baseRate: 0,
            slope1: 400,
            slope2: 10_000,
            optimal: 8000,
            supplyCap: 1e9,
            borrowCap: 1e9,
            flashFee: 5,
            ledger: false
        });
    }

    function stableConfig() internal pure returns (ILendingPool.MarketConfig memory) {
        return ILendingPool.MarketConfig({
            limit: 8000,
            threshold: 8500,
            bonus: 400,
            reserveFactor: 1000,
            baseRate: 100,
            slope1: 500,
            slope2: 7500,
            optimal: 9000,
            supplyCap: 1e12,
            borrowCap: 1e12,
            flashFee: 5,
            ledger: false
        });
    }

    /// @dev `price` with eight digits, as most feeds have them.
    function list(address token, int128 price, ILendingPool.MarketConfig memory config) internal {
        feedOf[token] = engine.forceFeed("a price", 8, price);
        vm.startPrank(owner);
        prices.setGuards(
            token, OracleAdapter.Guards(feedOf[token], 1 hours, 1000, 1, type(uint104).max)
        );
        pool.list(token, config);
        vm.stopPrank();
    }

    /// @dev A new answer, observed now, that the adapter accepts whatever it was before.
    function setPrice(address token, int128 price) internal {
        engine.forceAnswer(feedOf[token], price, uint64(block.timestamp));
        vm.prank(owner);
        prices.acceptPrice(token, 0, MAX);
    }

    /// @dev The same answers, observed now.
    function refresh() internal {
        for (uint256 id = 0; id < pool.marketCount(); id++) {
            address token = pool.tokenAt(id);
            if (feedOf[token] == 0) continue;
            (uint256 price,) = prices.lastOf(token);
            engine.forceAnswer(feedOf[token], int128(int256(price / 1e10)), uint64(block.timestamp));
            prices.record(token);
        }
    }

    /// @dev Time goes by, and prices stay good.
    function pass(uint256 time) internal {
        vm.warp(block.timestamp + time);
        refresh();
    }

    function give(address token, address to, uint256 amount) internal {
        if (token == address(eur)) eur.forceIssue(to, amount);
        else PlainToken(token).mint(to, amount);
        vm.prank(to);
        IERC20(token).approve(address(pool), MAX);
    }

    function supply(address who, address token, uint256 amount) internal {
        give(token, who, amount);
        vm.prank(who);
        pool.supply(token, amount);
    }

    function borrow(address who, address token, uint256 amount) internal {
        vm.prank(who);
        pool.borrow(token, amount);
    }

    function repay(address who, address token, uint256 amount) internal {
        vm.prank(who);
        pool.repay(token, amount);
    }

    function withdraw(address who, address token, uint256 amount) internal {
        vm.prank(who);
        pool.withdraw(token, amount);
    }

    function cashOf(address token) internal view returns (uint256) {
        return pool.marketOf(token).cash;
    }

    function sharesOf(address who, address token) internal view returns (uint256 shares) {
        (shares,,) = pool.holdingOf(who, token);
    }

    function scaledOf(address who, address token) internal view returns (uint256 scaled) {
        (, scaled,) = pool.holdingOf(who, token);
    }

    function isCollateral(address who, address token) internal view returns (bool used) {
        (,, used) = pool.holdingOf(who, token);
    }
}
