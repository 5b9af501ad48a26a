// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from the engines' source by the tests of `precompiles/`: do not edit.
pragma solidity ^0.8.20;

import {IAccounts} from "./IAccounts.sol";
import {ILedger} from "./ILedger.sol";
import {ICompliance} from "./ICompliance.sol";
import {IRisk} from "./IRisk.sol";
import {ISettlement} from "./ISettlement.sol";
import {IOracle} from "./IOracle.sol";
import {IAccess} from "./IAccess.sol";
import {IPqVerify} from "./IPqVerify.sol";
import {INativeCoin} from "./INativeCoin.sol";
import {ICurrencyToken} from "./ICurrencyToken.sol";
import {IPriceFeed} from "./IPriceFeed.sol";

/// @title Where the engines are.
library QenexAddresses {
    IAccounts internal constant ACCOUNTS = IAccounts(0x5158000000000000000000000000000000000001);
    ILedger internal constant LEDGER = ILedger(0x5158000000000000000000000000000000000002);
    ICompliance internal constant COMPLIANCE = ICompliance(0x5158000000000000000000000000000000000003);
    IRisk internal constant RISK = IRisk(0x5158000000000000000000000000000000000004);
    ISettlement internal constant SETTLEMENT = ISettlement(0x5158000000000000000000000000000000000005);
    IOracle internal constant ORACLE = IOracle(0x5158000000000000000000000000000000000006);
    IAccess internal constant ACCESS = IAccess(0x5158000000000000000000000000000000000008);
    IPqVerify internal constant PQVERIFY = IPqVerify(0x5158000000000000000000000000000000000009);
    INativeCoin internal constant NATIVECOIN = INativeCoin(0x515800000000000000000000000000000000000A);

    /// @notice The ERC-20 face of a currency, registered or not.
    function face(bytes3 code) internal pure returns (ICurrencyToken) {
        return ICurrencyToken(address((uint160(0x5158C0) << 136) | uint24(code)));
    }

    /// @notice The Chainlink-compatible face of a price feed, created or not.
    function priceFeed(uint32 feed) internal pure returns (IPriceFeed) {
        return IPriceFeed(address((uint160(0x5158F0) << 136) | feed));
    }
}
