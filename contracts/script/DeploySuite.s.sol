// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {VmSafe} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAccounts} from "../interfaces/IAccounts.sol";
import {IOracle} from "../interfaces/IOracle.sol";
import {QenexAddresses} from "../interfaces/QenexAddresses.sol";
import {TestBitcoin} from "../src/examples/TestBitcoin.sol";
import {Farm} from "../src/farming/Farm.sol";
import {QenexGovernor} from "../src/governance/QenexGovernor.sol";
import {ILendingPool} from "../src/lending/ILendingPool.sol";
import {LedgerGate} from "../src/lending/LedgerGate.sol";
import {LendingPool} from "../src/lending/LendingPool.sol";
import {OracleAdapter} from "../src/oracle/OracleAdapter.sol";
import {IPoolRouter} from "../src/pools/IPoolRouter.sol";
import {PoolFactory} from "../src/pools/PoolFactory.sol";
import {PoolRouter} from "../src/pools/PoolRouter.sol";
import {TwapOracle} from "../src/pools/TwapOracle.sol";
import {QXC} from "../src/qxc/QXC.sol";
import {GovernanceDeployment} from "./DeployGovernance.s.sol";
import {PoolsDeployment} from "./DeployPools.s.sol";
import {EnginesForScripts} from "./EnginesForScripts.sol";

/// @title Deploys and wires the whole suite, on any network
/// @notice The sender is an admin of `Access`: it makes itself registrar and feed manager where it is not. It keeps
/// these roles, and owns the lending pool, the oracle adapter, the farms and QXC until the timelock accepts them
/// (the first vote): renounce the roles when governance works.
///
/// Environment, beside that of `DeployGovernance`:
/// `WBTC`, a token (one that is worth nothing is deployed);
/// `FEED_EUR`, `FEED_QXC`, `FEED_WBTC`, feeds of the `Oracle` engine in USD (they are created, with the sender as their only
/// reporter and the prices 1.10, 2 and 60,000);
/// `FEED_STALENESS`, seconds for which prices count (1 day);
/// `SEED`, whether the sender gives pairs, markets, farms and the stakes' rewards something to begin with
/// (false): 5,300,000 USD, 3,000,000 EUR, 2,200,000 QXC, 120 WBTC;
/// `DEPLOYMENT`, the file to write addresses to (`deployments/<chain id>.json`; else in `cache/`);
/// `GIFTS`, addresses, comma between them, that get 100 of the deployed WBTC each (nobody).
contract DeploySuite is EnginesForScripts, GovernanceDeployment, PoolsDeployment {
    IAccounts private constant ACCOUNTS = QenexAddresses.ACCOUNTS;
    IOracle private constant ORACLE = QenexAddresses.ORACLE;
    uint8 private constant INSTITUTION = 3;
    bytes3 private constant USD_CODE = "USD";
    bytes3 private constant EUR_CODE = "EUR";

    struct Named {
        string name;
        address at;
    }

    /// @notice Only an admin of `Access` can deploy the suite.
    error NotAdmin(address sender);

    address private _sender;
    uint32 private _staleness;
    bool private _seed;
    Named[] private _named;

    IERC20 private _usd = IERC20(address(QenexAddresses.face(USD_CODE)));
    IERC20 private _eur = IERC20(address(QenexAddresses.face(EUR_CODE)));
    IERC20 private _wbtc;
    QXC private _qxc;
    address private _timelock;
    OracleAdapter private _prices;
    LendingPool private _lending;
    PoolFactory private _factory;
    PoolRouter private _router;

    function run() external {
        _sender = msg.sender;
        _staleness = uint32(vm.envOr("FEED_STALENESS", uint256(1 days)));
        _seed = vm.envOr("SEED", false);
        useEngines(_sender);
        useCurrency(_sender, USD_CODE);
        useCurrency(_sender, EUR_CODE);
        if (!chainHasRole(ADMIN, _sender)) revert NotAdmin(_sender);
        uint32[3] memory feeds = _givenFeeds();

        vm.startBroadcast();
        _takeRoles();
        _governance();
        _tokens();
        _oracle(feeds);
        _markets();
        _pools();
        _stakes();
        _handOver();
        vm.stopBroadcast();
        _publish();
    }

    // Steps, in their order

    function _givenFeeds() private returns (uint32[3] memory feeds) {
        string[3] memory names = ["FEED_EUR", "FEED_QXC", "FEED_WBTC"];
        for (uint256 i = 0; i < 3; i++) {
            feeds[i] = uint32(vm.envOr(names[i], uint256(0)));
            if (feeds[i] != 0) useFeed(feeds[i]);
        }
    }

    function _takeRoles() private {
        uint8[2] memory roles = [REGISTRAR, FEED_MANAGER];
        for (uint256 i = 0; i < roles.length; i++) {
            if (!QenexAddresses.ACCESS.hasRole(roles[i], _sender)) {
                QenexAddresses.ACCESS.grantRole(roles[i], _sender);
            }
        }
    }

    function _governance() private {
        QenexGovernor governor;
        (_qxc, governor) = deployGovernance(_sender);
        _timelock = governor.timelock();
        _name("QXC", address(_qxc));
        _name("QenexGovernor", address(governor));
        _name("QenexTimelock", _timelock);
    }

    function _tokens() private {
        address given = vm.envOr("WBTC", address(0));
        _wbtc = IERC20(given == address(0) ? address(new TestBitcoin(_sender)) : given);
        address[] memory gifts = vm.envOr("GIFTS", ",", new address[](0));
        for (uint256 i = 0; i < gifts.length; i++) {
            _wbtc.transfer(gifts[i], 100e8);
        }
        _name("USD", address(_usd));
        _name("EUR", address(_eur));
        _name("WBTC", address(_wbtc));
    }

    function _oracle(uint32[3] memory feeds) private {
        _prices = new OracleAdapter(_sender);
        _name("OracleAdapter", address(_prices));
        _prices.setUnitOfAccount(address(_usd));
        _guard(address(_eur), feeds[0], "EurUsdFeed", "EUR / USD", 1.1e8);
        _guard(address(_qxc), feeds[1], "QxcUsdFeed", "QXC / USD", 2e8);
        _guard(address(_wbtc), feeds[2], "WbtcUsdFeed", "WBTC / USD", 60_000e8);
    }

    /// @dev `price` with eight digits, for a feed that is created here.
    function _guard(
        address token,
        uint32 feed,
        string memory name,
        string memory description,
        int128 price
    ) private {
        if (feed == 0) {
            feed = ORACLE.createFeed(
                description,
                8,
                IOracle.Terms({
                    minReporters: 1,
                    maxReporters: 31,
                    deviation: 1000,
                    staleness: _staleness,
                    confirmation: 1 hours,
                    minAnswer: 1,
                    maxAnswer: price * 1000
                })
            );
            ORACLE.addReporter(feed, _sender);
            ORACLE.report(feed, price, uint64(block.timestamp));
        }
        (int128 answer, uint8 decimals,) = ORACLE.price(feed);
        uint256 whole = uint256(int256(answer)) * 10 ** (18 - decimals);
        _prices.setGuards(
            token,
            OracleAdapter.Guards({
                feed: feed,
                heartbeat: _staleness,
                deviation: 2000,
                min: uint104(whole / 10),
                max: uint104(whole * 10)
            })
        );
        _name(name, address(QenexAddresses.priceFeed(feed)));
    }

    function _markets() private {
        LedgerGate gate = new LedgerGate();
        _lending = new LendingPool(_sender, _prices, gate);
        _name("LedgerGate", address(gate));
        _name("LendingPool", address(_lending));
        _openAccount(address(_lending));
        _lending.setGuardian(vm.envOr("GUARDIAN", _sender));
        _lending.list(address(_usd), _money());
        _lending.list(address(_eur), _money());
        _lending.list(address(_qxc), _volatile(6000, 7000, 800));
        _lending.list(address(_wbtc), _volatile(7500, 8000, 500));
        if (!_seed) return;
        _supply(_usd, 2_000_000e2);
        _supply(_eur, 2_000_000e2);
        _supply(IERC20(address(_qxc)), 1_000_000e18);
        _supply(_wbtc, 100e8);
    }

    function _pools() private {
        TwapOracle averages;
        (_factory, _router, averages) = deployPools(_timelock);
        _name("PoolFactory", address(_factory));
        _name("PoolRouter", address(_router));
        _name("TwapOracle", address(averages));
        IERC20 qxc = IERC20(address(_qxc));
        if (_seed) {
            _usd.approve(address(_router), type(uint256).max);
            _eur.approve(address(_router), type(uint256).max);
            qxc.approve(address(_router), type(uint256).max);
            _wbtc.approve(address(_router), type(uint256).max);
        }
        address euro = _pair("EurUsdPair", _eur, _usd, 1_000_000e2, 1_100_000e2);
        address coin = _pair("QxcUsdPair", qxc, _usd, 500_000e18, 1_000_000e2);
        _pair("WbtcUsdPair", _wbtc, _usd, 20e8, 1_200_000e2);
        _farm("EurUsdFarm", euro);
        _farm("QxcUsdFarm", coin);
    }

    /// @dev A volatile pair with a ledger account, which it needs to hold money.
    function _pair(
        string memory name,
        IERC20 tokenA,
        IERC20 tokenB,
        uint256 amountA,
        uint256 amountB
    ) private returns (address pair) {
        pair = _factory.createPair(address(tokenA), address(tokenB), false);
        _name(name, pair);
        _openAccount(pair);
        if (!_seed) return pair;
        _router.addLiquidity(
            IPoolRouter.Deposit({
                tokenA: address(tokenA),
                tokenB: address(tokenB),
                stable: false,
                amountA: amountA,
                amountB: amountB,
                minA: amountA,
                minB: amountB,
                minShares: 1,
                to: _sender,
                deadline: type(uint256).max
            })
        );
    }

    /// @dev QXC for those who stake the shares of a pair.
    function _farm(string memory name, address pair) private {
        Farm farm = new Farm(pair, _sender);
        _name(name, address(farm));
        farm.addReward(address(_qxc));
        if (_seed) {
            farm.setFunder(_sender, true);
            _qxc.approve(address(farm), 100_000e18);
            farm.fund(address(_qxc), 100_000e18, block.timestamp + 365 days);
        }
        farm.transferOwnership(_timelock);
    }

    function _stakes() private {
        if (!_seed || _qxc.owner() != _sender) return;
        _qxc.setRewardRates(200, 800);
        _qxc.fund{value: 500_000e18}();
    }

    function _handOver() private {
        _prices.transferOwnership(_timelock);
        _lending.transferOwnership(_timelock);
    }

    function _publish() private {
        _predeploys();
        string memory contracts;
        for (uint256 i = 0; i < _named.length; i++) {
            contracts = vm.serializeAddress("contracts", _named[i].name, _named[i].at);
            console.log(_named[i].name, _named[i].at);
        }
        vm.serializeUint("deployment", "chain_id", block.chainid);
        string memory deployment = vm.serializeString("deployment", "contracts", contracts);
        if (!vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) return;
        string memory file = string.concat("deployments/", vm.toString(block.chainid), ".json");
        vm.writeJson(deployment, vm.envOr("DEPLOYMENT", file));
    }

    /// @dev Contracts that tools expect, where the chain has them.
    function _predeploys() private {
        Named[4] memory usual = [
            Named("Create2Deployer", 0x4e59b44847b379578588920cA78FbF26c0B4956C),
            Named("Multicall3", 0xcA11bde05977b3631167028862bE2a173976CA11),
            Named("Permit2", 0x000000000022D473030F116dDEE9F6B43aC78BA3),
            Named("SingletonFactory", 0xce0042B868300000d44A59004Da54A005ffdcf9f)
        ];
        for (uint256 i = 0; i < usual.length; i++) {
            if (usual[i].at.code.length > 0) _named.push(usual[i]);
        }
    }

    // Parts

    function _name(string memory name, address at) private {
        _named.push(Named(name, at));
    }

    /// @dev The account of a contract belongs to the contract: nobody else can move its money. Of the type CONTRACT
    /// the risk rules would judge it as one customer, and refuse what it pays to the many whose money it holds.
    function _openAccount(address account) private {
        ACCOUNTS.open(account, account, INSTITUTION, "US", USD_CODE);
    }

    function _supply(IERC20 token, uint256 amount) private {
        token.approve(address(_lending), amount);
        _lending.supply(address(token), amount);
    }

    /// @dev A currency of the ledger: see `docs/lending.md` for the reasons of these numbers.
    function _money() private pure returns (ILendingPool.MarketConfig memory) {
        return ILendingPool.MarketConfig({
            limit: 8000,
            threshold: 8500,
            bonus: 400,
            reserveFactor: 1000,
            baseRate: 100,
            slope1: 500,
            slope2: 7500,
            optimal: 9000,
            supplyCap: 1_000_000_000,
            borrowCap: 900_000_000,
            flashFee: 5,
            ledger: true
        });
    }

    function _volatile(uint16 limit, uint16 threshold, uint16 bonus)
        private
        pure
        returns (ILendingPool.MarketConfig memory)
    {
        return ILendingPool.MarketConfig({
            limit: limit,
            threshold: threshold,
            bonus: bonus,
            reserveFactor: 2000,
            baseRate: 0,
            slope1: 400,
            slope2: 10_000,
            optimal: 8000,
            supplyCap: 100_000_000,
            borrowCap: 80_000_000,
            flashFee: 5,
            ledger: false
        });
    }
}
