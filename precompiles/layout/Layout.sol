// SPDX-License-Identifier: MIT OR Apache-2.0
// The engines' storage as Solidity would declare it. `layout.json` is what solc says of it
// (`layout/update`); a test compares the engines with that.
pragma solidity ^0.8.20;

contract Accounts {
    struct Profile {
        // Head.
        address owner;
        uint8 accountType;
        uint8 status;
        uint8 tier;
        uint32 version;
        uint40 lastActivity;
        // Origin.
        address custodian;
        uint40 openedAt;
        bytes2 jurisdiction;
        bytes3 homeCurrency;
    }

    address internal admin;
    mapping(address => bool) internal registrars;
    mapping(address => Profile) internal profiles;
}

contract Ledger {
    struct Balance {
        uint128 posted;
        uint128 held;
    }

    struct Currency {
        // Terms.
        address issuer;
        uint8 exponent;
        bool active;
        // Outstanding.
        uint128 supply;
        uint128 cap;
        string name;
    }

    struct Transfer {
        // Parties.
        address to;
        bytes3 currency;
        uint8 kind;
        uint8 status;
        // Settlement.
        uint128 amount;
        uint64 block;
        uint64 timestamp;
        bytes32 endToEndId;
        bytes32 payloadHash;
    }

    mapping(bytes3 code => Currency) internal currencies;
    mapping(address account => mapping(bytes3 code => Balance)) internal balances;
    mapping(bytes32 id => Transfer) internal transfers;
    mapping(address account => uint64) internal holdings;
    mapping(address account => uint64) internal facePostings;
    mapping(bytes3 code => mapping(address owner => mapping(address spender => uint256))) internal allowances;
}
