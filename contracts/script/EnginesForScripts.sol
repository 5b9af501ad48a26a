// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Script} from "forge-std/Script.sol";
import {IAccess} from "../interfaces/IAccess.sol";
import {IAccounts} from "../interfaces/IAccounts.sol";
import {INativeCoin} from "../interfaces/INativeCoin.sol";
import {IOracle} from "../interfaces/IOracle.sol";
import {ICurrencyToken} from "../interfaces/ICurrencyToken.sol";
import {QenexAddresses} from "../interfaces/QenexAddresses.sol";
import {AccessDouble} from "../test/doubles/AccessDouble.sol";
import {AccountsDouble} from "../test/doubles/AccountsDouble.sol";
import {ComplianceDouble} from "../test/doubles/ComplianceDouble.sol";
import {CurrencyTokenDouble} from "../test/doubles/CurrencyTokenDouble.sol";
import {NativeCoinDouble} from "../test/doubles/NativeCoinDouble.sol";
import {OracleDouble} from "../test/doubles/OracleDouble.sol";

/// @title The engines, as a script sees them before it sends anything
/// @notice Forge carries a script out in an EVM of its own, which has no engines. Here their doubles take their
/// places, with what the script asks of the chain's engines; that is read by `eth_call`. Nothing of it is sent:
/// what the script sends meets the engines themselves.
abstract contract EnginesForScripts is Script {
    uint8 internal constant REGISTRAR = 2;
    uint8 internal constant FEED_MANAGER = 6;
    uint8 private constant ROLES = 7;
    uint8 private constant ACTIVE = 2;

    /// @notice The currency is not registered on this chain.
    error UnknownCurrency(bytes3 code);

    /// @dev Puts the doubles in place, with roles and ledger account of `sender`.
    function useEngines(address sender) internal {
        vm.etch(address(QenexAddresses.ACCESS), address(new AccessDouble()).code);
        AccessDouble access = AccessDouble(address(QenexAddresses.ACCESS));
        for (uint8 role = 1; role <= ROLES; role++) {
            if (chainHasRole(role, sender)) access.forceRole(role, sender);
        }

        bytes memory answer =
            _ask(address(QenexAddresses.NATIVECOIN), abi.encodeCall(INativeCoin.face, ()));
        address face = abi.decode(answer, (address));
        answer = _ask(address(QenexAddresses.NATIVECOIN), abi.encodeCall(INativeCoin.issued, ()));
        vm.etch(address(QenexAddresses.NATIVECOIN), address(new NativeCoinDouble()).code);
        // It moves balances by cheat codes.
        vm.allowCheatcodes(address(QenexAddresses.NATIVECOIN));
        NativeCoinDouble(address(QenexAddresses.NATIVECOIN))
            .forceGenesis(face, abi.decode(answer, (uint256)));

        vm.etch(address(QenexAddresses.COMPLIANCE), address(new ComplianceDouble()).code);
        vm.etch(address(QenexAddresses.ACCOUNTS), address(new AccountsDouble()).code);
        AccountsDouble accounts = AccountsDouble(payable(address(QenexAddresses.ACCOUNTS)));
        if (chainHasAccount(sender)) accounts.open(sender, sender, 1, "US", "USD");

        answer = _ask(address(QenexAddresses.ORACLE), abi.encodeCall(IOracle.feedCount, ()));
        vm.etch(address(QenexAddresses.ORACLE), address(new OracleDouble()).code);
        OracleDouble(payable(address(QenexAddresses.ORACLE)))
            .forceFeedCount(abi.decode(answer, (uint32)));
    }

    /// @dev Puts the double of a currency's face in place, with the balance of `sender`.
    function useCurrency(address sender, bytes3 code) internal {
        address face = address(QenexAddresses.face(code));
        (bool known, bytes memory answer) = _try(face, abi.encodeCall(ICurrencyToken.decimals, ()));
        if (!known) revert UnknownCurrency(code);
        uint8 decimals = abi.decode(answer, (uint8));
        answer = _ask(face, abi.encodeCall(ICurrencyToken.balanceOf, (sender)));
        vm.etch(face, address(new CurrencyTokenDouble(decimals)).code);
        uint256 balance = abi.decode(answer, (uint256));
        if (balance > 0 && chainHasAccount(sender)) {
            CurrencyTokenDouble(face).forceIssue(sender, balance);
        }
    }

    /// @dev Gives the double a feed that the chain has, with its answer.
    function useFeed(uint32 feed) internal {
        bytes memory answer =
            _ask(address(QenexAddresses.ORACLE), abi.encodeCall(IOracle.price, (feed)));
        (int128 price, uint8 decimals,) = abi.decode(answer, (int128, uint8, uint64));
        OracleDouble oracle = OracleDouble(payable(address(QenexAddresses.ORACLE)));
        uint32 count = oracle.feedCount();
        oracle.forceFeedCount(feed - 1);
        oracle.forceFeed("a feed of the chain", decimals, price);
        oracle.forceFeedCount(count);
    }

    /// @dev As the chain has it now.
    function chainHasRole(uint8 role, address member) internal returns (bool) {
        return abi.decode(
            _ask(address(QenexAddresses.ACCESS), abi.encodeCall(IAccess.hasRole, (role, member))),
            (bool)
        );
    }

    /// @dev As the chain has it now.
    function chainHasAccount(address account) internal returns (bool) {
        (bool known, bytes memory answer) =
            _try(address(QenexAddresses.ACCOUNTS), abi.encodeCall(IAccounts.profile, (account)));
        return known && abi.decode(answer, (IAccounts.Profile)).status == ACTIVE;
    }

    function _ask(address to, bytes memory data) private returns (bytes memory) {
        return vm.rpc("eth_call", _call(to, data));
    }

    function _try(address to, bytes memory data) private returns (bool, bytes memory) {
        try vm.rpc("eth_call", _call(to, data)) returns (bytes memory answer) {
            return (true, answer);
        } catch {
            return (false, "");
        }
    }

    function _call(address to, bytes memory data) private pure returns (string memory) {
        return
            string.concat(
                '[{"to":"', vm.toString(to), '","data":"', vm.toString(data), '"},"latest"]'
            );
    }
}
