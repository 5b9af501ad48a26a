// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";

/// @title The `Compliance` engine for tests without a chain: freezes and the deny list, and nothing else.
/// @notice `freeze`, `freezeOf` and `isDenied` have the engine's signatures; every caller is an officer. The functions
/// whose names begin with `force` exist only here.
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
        if (f.until != 0 && f.until < block.timestamp) return (0, 0, 0, 0, address(0), address(0));
        return (f.sides, f.reason, f.caseId, f.until, f.officer, address(0));
    }

    /// @notice Ends a freeze at once: the engine asks two officers.
    function forceRelease(address account) external {
        delete _freezes[account];
    }

    /// @notice Puts an account on the deny list, or takes it off.
    function forceDenied(address account, bool denied) external {
        isDenied[account] = denied;
    }
}
