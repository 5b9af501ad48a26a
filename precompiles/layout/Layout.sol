// SPDX-License-Identifier: MIT OR Apache-2.0
// The engines' storage as Solidity would declare it. `layout.json` is what solc says of it
// (`layout/update`); a test compares the engines with that.
pragma solidity ^0.8.20;

contract Access {
    struct RolePolicy {
        uint8 required;
        uint32 time;
    }

    struct Request {
        address initiator;
        uint8 role;
        uint8 status;
        uint8 approvals;
        uint40 expires;
        address[8] approvers;
    }

    struct Change {
        uint64 value;
        uint40 effectiveAt;
    }

    mapping(uint8 role => mapping(address => bool)) internal members;
    mapping(uint8 role => uint64) internal memberCounts;
    mapping(uint8 role => RolePolicy) internal rolePolicies;
    mapping(bytes32 id => Request) internal requests;
    mapping(uint16 id => mapping(bytes3 code => Change)) internal changes;
}

contract Accounts {
    struct Profile {
        // Head.
        address owner;
        uint8 accountType;
        uint8 status;
        uint8 tier;
        uint8 flags;
        bytes2 jurisdiction;
        uint16 tierUntil;
        uint16 openedOn;
        uint16 lastActive;
        // Origin.
        address custodian;
        uint40 openedAt;
        uint32 version;
        bytes3 homeCurrency;
    }

    struct OwnLimits {
        uint56 perPayment;
        uint56 perDay;
        uint56 perThirtyDays;
        bool set;
    }

    struct Key {
        uint8 scheme;
        uint40 addedAt;
        uint40 validUntil;
    }

    struct Delegation {
        uint8 kinds;
        bool listedOnly;
        uint56 cap;
        uint56 used;
        uint32 period;
        uint40 periodStart;
        uint40 validUntil;
    }

    struct Policy {
        uint8 required;
        uint8 approvers;
        uint32 time;
    }

    mapping(address => Profile) internal profiles;
    mapping(address account => mapping(bytes3 code => OwnLimits)) internal limits;
    mapping(address account => mapping(bytes32 id => Key)) internal keys;
    mapping(address account => mapping(address delegate => mapping(bytes3 code => Delegation))) internal delegations;
    mapping(address account => mapping(address delegate => mapping(address payee => bool))) internal payees;
    mapping(address account => Policy) internal policies;
    mapping(address account => mapping(bytes3 code => uint128)) internal thresholds;
    mapping(address account => mapping(address approver => bool)) internal approvers;
}

contract Compliance {
    struct Class {
        bool registered;
        bool active;
        uint8 exponent;
        uint8 attestations;
        uint56 perPayment;
        uint56 perDay;
        uint56 perThirtyDays;
        uint56 travelRule;
    }

    struct Freeze {
        address officer;
        uint8 sides;
        uint8 previous;
        bytes4 reason;
        uint40 until;
        bytes32 caseId;
        address releasing;
    }

    struct Denial {
        bool listed;
        uint32 listVersion;
        uint40 since;
    }

    struct CorridorTerms {
        uint8 corridor;
        bool watched;
    }

    struct Attestation {
        address attestor;
        uint8 finding;
        uint40 expires;
        uint32 version;
    }

    mapping(bytes3 code => Class[5]) internal classes;
    mapping(address account => Freeze) internal freezes;
    mapping(address => Denial) internal denials;
    uint64 internal listVersion;
    mapping(bytes2 from => mapping(bytes2 to => CorridorTerms)) internal corridors;
    mapping(address account => mapping(uint8 attestation => Attestation)) internal attestations;
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
        uint8 authorisation;
        uint16 score;
        uint16 rules;
        // Settlement.
        uint128 amount;
        uint48 block;
        uint40 timestamp;
        uint40 expires;
        bytes32 endToEndId;
        bytes32 payloadHash;
        // Progress.
        uint128 captured;
        uint128 reversed;
        // Pending.
        address initiator;
        uint8 required;
        uint8 approvals;
        bool review;
    }

    mapping(bytes3 code => Currency) internal currencies;
    mapping(address account => mapping(bytes3 code => Balance)) internal balances;
    mapping(bytes32 id => Transfer) internal transfers;
    mapping(address account => uint64) internal holdings;
    mapping(address account => uint64) internal facePostings;
    mapping(bytes3 code => mapping(address owner => mapping(address spender => uint256))) internal allowances;
    mapping(bytes32 id => mapping(address approver => bool)) internal approvals;
    mapping(bytes3 code => mapping(address owner => uint64)) internal nonces;
    bytes3 internal latest;
    mapping(bytes3 code => bytes3) internal previous;
}

contract Oracle {
    struct Feed {
        // Terms.
        uint8 decimals;
        uint8 minReporters;
        uint8 maxReporters;
        uint8 reporters;
        uint16 deviation;
        uint32 staleness;
        uint32 confirmation;
        string description;
        // Bounds.
        int128 minAnswer;
        int128 maxAnswer;
        // Progress.
        uint64 latest;
        uint8 hold;
        uint40 since;
        int128 anchor;
    }

    struct Report {
        int128 answer;
        uint40 observedAt;
        uint40 reportedAt;
    }

    struct Reporters {
        address[31] addresses;
        Report[31] reports;
    }

    struct Round {
        int128 answer;
        uint40 startedAt;
        uint40 updatedAt;
        uint40 acceptedAt;
        uint8 reports;
    }

    uint32 internal feedCount;
    mapping(uint32 feed => Feed) internal feeds;
    mapping(uint32 feed => Reporters) internal reporters;
    mapping(uint32 feed => mapping(address reporter => uint8)) internal indices;
    mapping(uint32 feed => mapping(uint64 round => Round)) internal rounds;
}

contract Risk {
    struct Flow {
        uint24 hour;
        uint56 incoming;
        uint16 payments;
        uint56 outgoing;
        uint16 dayPayments;
        uint56 dayOutgoing;
        uint8 dayBanded;
    }

    struct Habit {
        uint56 mean;
        uint56 deviation;
        uint56 last;
        uint56 periodOutgoing;
        uint16 period;
        uint8 payments;
        uint8 repeats;
    }

    struct Pair {
        uint40 first;
        uint16 last;
    }

    struct Terms {
        uint8 velocity;
        uint8 outlier;
        uint8 structuring;
        uint8 newCounterparty;
        uint8 passThrough;
        uint8 dormant;
        uint8 corridor;
        uint8 round;
        uint8 young;
        uint8 repeated;
        uint8 review;
        uint8 reject;
        uint16 hourlyPayments;
        uint32 hourlyOutgoing;
        uint32 reporting;
        uint8 band;
        uint8 banded;
        uint8 deviations;
        uint8 share;
        uint8 dormantDays;
        uint8 youngDays;
        uint8 repeats;
        uint8 version;
    }

    mapping(address account => mapping(bytes3 code => Flow)) internal flows;
    mapping(address account => mapping(bytes3 code => Habit)) internal habits;
    mapping(address payer => mapping(address payee => Pair)) internal pairs;
    mapping(bytes3 code => Terms) internal terms;
}

contract NativeCoin {
    address internal face;
    uint256 internal issued;
}

contract Settlement {
    struct Instruction {
        address instructor;
        uint8 status;
        uint8 legs;
        uint8 open;
        uint40 expires;
    }

    struct Leg {
        address payer;
        bytes3 currency;
        bool affirmed;
        address payee;
        uint128 amount;
    }

    struct Cycle {
        address operator;
        uint8 status;
        uint8 participants;
        bytes3 currency;
        address account;
        uint128 gross;
    }

    struct Position {
        uint128 owes;
        uint128 owed;
    }

    mapping(bytes32 id => Instruction) internal instructions;
    mapping(bytes32 id => mapping(uint8 index => Leg)) internal legs;
    mapping(bytes32 id => Cycle) internal cycles;
    mapping(bytes32 id => mapping(uint8 index => address)) internal participants;
    mapping(bytes32 id => mapping(address participant => uint8)) internal indices;
    mapping(bytes32 id => mapping(address participant => Position)) internal positions;
    mapping(bytes32 id => mapping(bytes32 obligation => bool)) internal obligations;
}
