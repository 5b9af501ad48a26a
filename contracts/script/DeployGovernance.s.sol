// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";
import {INativeCoin} from "../interfaces/INativeCoin.sol";
import {QenexAddresses} from "../interfaces/QenexAddresses.sol";
import {QenexGovernor} from "../src/governance/QenexGovernor.sol";
import {QXC} from "../src/qxc/QXC.sol";
import {EnginesForScripts} from "./EnginesForScripts.sol";

/// @dev The steps, for whoever deploys governance.
abstract contract GovernanceDeployment is Script {
    INativeCoin internal constant COIN = QenexAddresses.NATIVECOIN;
    uint8 internal constant ADMIN = 1;

    /// @notice The steps, for `sender`, who calls.
    function deployGovernance(address sender) internal returns (QXC token, QenexGovernor governor) {
        bool admin = QenexAddresses.ACCESS.hasRole(ADMIN, sender);
        token = QXC(COIN.face());
        bool fresh = address(token) == address(0);
        if (fresh) token = new QXC(sender);
        governor = new QenexGovernor(terms(token, sender));
        address timelock = governor.timelock();
        if (fresh && admin) COIN.setFace(address(token));
        else if (fresh) console.log("an admin must call NativeCoin.setFace", address(token));
        if (admin) QenexAddresses.ACCESS.grantRole(ADMIN, timelock);
        else console.log("an admin must call Access.grantRole(1, timelock)", timelock);
        if (token.owner() == address(0) && admin) token.initialize(timelock);
        else if (token.owner() == sender) token.transferOwnership(timelock);
        else console.log("the owner of QXC must hand it to the timelock", token.owner());
        // The timelock accepts by the first vote: `QXC.acceptOwnership()`.
    }

    function terms(QXC token, address sender) public view returns (QenexGovernor.Terms memory) {
        return QenexGovernor.Terms({
            votes: token,
            guardian: vm.envOr("GUARDIAN", sender),
            timelockDelay: vm.envOr("TIMELOCK_DELAY", uint256(2 days)),
            votingDelay: uint48(vm.envOr("VOTING_DELAY", uint256(1 days))),
            votingPeriod: uint32(vm.envOr("VOTING_PERIOD", uint256(5 days))),
            voteExtension: uint48(vm.envOr("VOTE_EXTENSION", uint256(1 days))),
            proposalThreshold: vm.envOr("PROPOSAL_THRESHOLD", uint256(100_000 ether)),
            quorumPercent: vm.envOr("QUORUM_PERCENT", uint256(10)),
            quorumFloor: vm.envOr("QUORUM_FLOOR", uint256(1_000_000 ether))
        });
    }
}

/// @title Deploys governance, and QXC if the network has none yet
/// @notice The sender is an admin of `Access` for what only admins may do: name the coin's face, make the
/// timelock an admin. Where it is not, these steps are printed for who is. The sender keeps no power but the roles
/// it had: renounce them when governance works.
///
/// Environment: `GUARDIAN` (the sender), and in seconds `TIMELOCK_DELAY` (2 days), `VOTING_DELAY` (1 day),
/// `VOTING_PERIOD` (5 days), `VOTE_EXTENSION` (1 day); in wei `PROPOSAL_THRESHOLD` (100,000 QXC),
/// `QUORUM_FLOOR` (1,000,000 QXC); `QUORUM_PERCENT` (10).
contract DeployGovernance is EnginesForScripts, GovernanceDeployment {
    function run() external returns (QXC token, QenexGovernor governor) {
        useEngines(msg.sender);
        vm.startBroadcast();
        (token, governor) = deploy(msg.sender);
        vm.stopBroadcast();
        console.log("QXC at", address(token));
        console.log("Governor at", address(governor));
        console.log("Timelock at", governor.timelock());
    }

    /// @notice The steps, for `sender`, who calls.
    function deploy(address sender) public returns (QXC token, QenexGovernor governor) {
        return deployGovernance(sender);
    }
}
