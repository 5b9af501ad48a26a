// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";

/// @title The `Compliance` engine for tests without a chain: freezes and the deny list, and nothing else.
/// @notice `freeze`, `freezeOf` and `isDenied` have the engine's signatures, and a freeze its rules; every caller is an
/// officer, any address can be frozen, and there are no events. The functions whose names begin with `force` exist only
/// here.
/// @dev Its storage lies apart from the engine's, so that on a fork it finds nothing of it.
contract ComplianceDouble layout at 2 ** 200 is IQenexErrors {
    struct Freeze {
        uint8 sides;
        bytes4 reason;
        uint64 until;
        address officer;
        bytes32 caseId;
    }

    mapping(address account => Freeze) private _freezes;
    mapping(address account => bool) public isDenied;

    fallback() external {
        revert UnknownFunction(msg.sig);
    }

    function freeze(address account, uint8 sides, bytes4 reason, bytes32 caseId, uint64 until)
        external
    {
        if (sides == 0 || sides > 3) revert InvalidFreeze("sides");
        if (reason == 0) revert InvalidFreeze("reason");
        if (until != 0 && until <= block.timestamp) revert InvalidFreeze("until");
        Freeze storage before = _freezes[account];
        if (_holds(before)) {
            if (before.sides & ~sides != 0) revert InvalidFreeze("sides");
            if (_end(until) < _end(before.until)) revert InvalidFreeze("until");
        }
        _freezes[account] = Freeze(sides, reason, until, msg.sender, caseId);
    }

    function freezeOf(address account)
        external
        view
        returns (
            uint8 sides,
            bytes4 reason,
            bytes32 caseId,
            uint64 until,
            address officer,
            address releasing
        )
    {
        Freeze storage f = _freezes[account];
        return (_holds(f) ? f.sides : 0, f.reason, f.caseId, f.until, f.officer, address(0));
    }

    /// @notice Ends a freeze at once: the engine asks two officers.
    function forceRelease(address account) external {
        delete _freezes[account];
    }

    /// @notice Puts an account on the deny list, or takes it off.
    function forceDenied(address account, bool denied) external {
        isDenied[account] = denied;
    }

    function _holds(Freeze storage f) private view returns (bool) {
        return f.sides != 0 && (f.until == 0 || block.timestamp <= f.until);
    }

    function _end(uint64 until) private pure returns (uint64) {
        return until == 0 ? type(uint64).max : until;
    }
}
