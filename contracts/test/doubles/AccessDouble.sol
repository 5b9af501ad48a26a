// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAccess} from "../../interfaces/IAccess.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";

/// @title The `Access` engine for tests without a chain
/// @notice Put its code where the engine is, and give somebody a role:
///
///     vm.etch(address(QenexAddresses.ACCESS), address(new AccessDouble()).code);
///     AccessDouble(address(QenexAddresses.ACCESS)).forceRole(1, admin);
///
/// Signatures, errors, events and rules are the engine's: roles, policies, requests and approvals, and
/// the registry of parameters with bounds and delays. Which parameters there are, `forceParameter` says. The functions
/// whose names begin with `force` exist only here.
/// @dev Its storage lies apart from the engine's, so that on a fork it finds nothing of it.
contract AccessDouble layout at 2 ** 200 is IAccess, IQenexErrors {
    uint8 private constant ADMIN = 1;
    uint8 private constant GUARDIAN = 7;
    uint8 private constant OPEN = 1;
    uint8 private constant USED = 2;
    uint8 private constant CANCELLED = 3;
    uint8 private constant EXPIRED = 4;
    uint8 private constant MAX_APPROVALS = 8;

    struct Policy {
        uint8 required;
        uint32 time;
    }

    struct Request {
        address initiator;
        uint8 role;
        uint8 status;
        uint64 expires;
        address[] approvers;
    }

    struct Parameter {
        string name;
        uint64 min;
        uint64 initial;
        uint64 max;
        uint64 delay;
    }

    struct Change {
        uint64 value;
        uint64 effectiveAt;
    }

    mapping(uint8 role => mapping(address member => bool)) private _members;
    mapping(uint8 role => uint64) private _counts;
    mapping(uint8 role => Policy) private _policies;
    mapping(bytes32 id => Request) private _requests;
    uint16[] private _ids;
    mapping(uint16 id => Parameter) private _parameters;
    mapping(bytes3 currency => bool) private _currencies;
    mapping(uint16 id => mapping(bytes3 currency => uint64)) private _values;
    mapping(uint16 id => mapping(bytes3 currency => Change)) private _changes;

    fallback() external {
        revert UnknownFunction(msg.sig);
    }

    /// @notice Gives an address a role, without anybody's leave.
    function forceRole(uint8 role, address member) external {
        _grant(_known(role), member);
    }

    /// @notice Makes a parameter for a currency (and registers both), at its initial value.
    function forceParameter(
        uint16 id,
        bytes3 currency,
        string calldata name,
        uint64 min,
        uint64 initial,
        uint64 max,
        uint64 delay
    ) external {
        if (bytes(_parameters[id].name).length == 0) _ids.push(id);
        _parameters[id] = Parameter(name, min, initial, max, delay);
        _currencies[currency] = true;
        _values[id][currency] = initial;
    }

    /// @notice Refuses, as other engines ask it to, unless `caller` has the role and the agreement that its policy
    /// wants for this very call; uses the agreement up.
    function forceUseApproval(uint8 role, address caller, address engine, bytes calldata data)
        external
    {
        _requireApproved(role, caller, engine, data);
    }

    function grantRole(uint8 role, address member) external {
        _requireApproved(ADMIN, msg.sender, address(this), msg.data);
        _grant(_known(role), member);
    }

    function revokeRole(uint8 role, address member) external {
        _requireApproved(ADMIN, msg.sender, address(this), msg.data);
        _revoke(_known(role), member);
    }

    function renounceRole(uint8 role) external {
        _requireRole(_known(role), msg.sender);
        _revoke(role, msg.sender);
    }

    function setPolicy(uint8 role, uint8 required, uint32 time) external {
        _requireApproved(ADMIN, msg.sender, address(this), msg.data);
        _known(role);
        if (required > MAX_APPROVALS) revert InvalidPolicy("required");
        if (required > 0 && time == 0) revert InvalidPolicy("time");
        if (required > 0 && required >= _counts[role]) {
            revert TooFewMembers(role, uint64(required) + 1);
        }
        _policies[role] = Policy(required, time);
        emit PolicySet(role, required, time);
    }

    function request(uint8 role, address engine, bytes calldata data)
        external
        returns (bytes32 id)
    {
        _requireRole(_known(role), msg.sender);
        Policy memory policy = _policies[role];
        id = _id(msg.sender, role, engine, data);
        uint64 expires = uint64(block.timestamp) + policy.time;
        _requests[id] = Request(msg.sender, role, OPEN, expires, new address[](0));
        emit Requested(id, msg.sender, role, engine, data, policy.required, expires);
    }

    function approve(bytes32 id) external {
        Request storage asked = _made(id);
        _requireRole(asked.role, msg.sender);
        if (asked.initiator == msg.sender) revert NotAuthorised(msg.sender);
        _requireOpen(id, asked);
        uint256 stale = MAX_APPROVALS;
        for (uint256 i = asked.approvers.length; i > 0; i--) {
            address approver = asked.approvers[i - 1];
            if (approver == msg.sender) revert AlreadyApproved(msg.sender);
            if (!_members[asked.role][approver]) stale = i - 1;
        }
        if (asked.approvers.length < MAX_APPROVALS) asked.approvers.push(msg.sender);
        else if (stale < MAX_APPROVALS) asked.approvers[stale] = msg.sender;
        else revert AlreadyApproved(msg.sender);
        emit RequestApproved(id, msg.sender, _counting(asked));
    }

    function cancel(bytes32 id) external {
        Request storage asked = _made(id);
        bool may = asked.initiator == msg.sender || _members[ADMIN][msg.sender]
            || _members[GUARDIAN][msg.sender];
        if (!may) revert NotAuthorised(msg.sender);
        _requireOpen(id, asked);
        asked.status = CANCELLED;
        emit RequestCancelled(id, msg.sender);
    }

    function proposeParameter(uint16 id, bytes3 currency, uint64 value) external {
        _requireApproved(ADMIN, msg.sender, address(this), msg.data);
        Parameter storage known = _find(id, currency);
        if (value < known.min || value > known.max) {
            revert ParameterOutOfBounds(id, known.min, known.max);
        }
        uint64 effectiveAt = uint64(block.timestamp) + known.delay;
        _changes[id][currency] = Change(value, effectiveAt);
        emit ParameterProposed(id, currency, value, effectiveAt, msg.sender);
    }

    function applyParameter(uint16 id, bytes3 currency) external {
        _find(id, currency);
        Change memory change = _changes[id][currency];
        if (change.effectiveAt == 0 || block.timestamp < change.effectiveAt) {
            revert ChangeNotDue(id, change.effectiveAt);
        }
        uint64 previous = _values[id][currency];
        _values[id][currency] = change.value;
        delete _changes[id][currency];
        emit ParameterApplied(id, currency, previous, change.value);
    }

    function cancelParameter(uint16 id, bytes3 currency) external {
        if (!_members[ADMIN][msg.sender] && !_members[GUARDIAN][msg.sender]) {
            revert NotAuthorised(msg.sender);
        }
        _find(id, currency);
        if (_changes[id][currency].effectiveAt == 0) revert ChangeNotDue(id, 0);
        delete _changes[id][currency];
        emit ParameterCancelled(id, currency, msg.sender);
    }

    function hasRole(uint8 role, address member) external view returns (bool) {
        return _members[_known(role)][member];
    }

    function memberCount(uint8 role) external view returns (uint64) {
        return _counts[_known(role)];
    }

    function policyOf(uint8 role) external view returns (uint8 required, uint32 time) {
        Policy memory policy = _policies[_known(role)];
        return (policy.required, policy.time);
    }

    function requestOf(bytes32 id)
        external
        view
        returns (
            address initiator,
            uint8 role,
            uint8 status,
            uint8 have,
            uint8 required,
            uint64 expires
        )
    {
        Request storage asked = _requests[id];
        if (asked.role > 0) {
            have = _counting(asked);
            required = _policies[asked.role].required;
        }
        return (asked.initiator, asked.role, _status(asked), have, required, asked.expires);
    }

    function parameter(uint16 id, bytes3 currency)
        external
        view
        returns (
            string memory name,
            uint64 value,
            uint64 min,
            uint64 initial,
            uint64 max,
            uint64 delay,
            uint64 pendingValue,
            uint64 effectiveAt
        )
    {
        Parameter memory known = _find(id, currency);
        Change memory change = _changes[id][currency];
        (name, min, initial, max, delay) =
        (known.name, known.min, known.initial, known.max, known.delay);
        (value, pendingValue, effectiveAt) =
        (_values[id][currency], change.value, change.effectiveAt);
    }

    function parameters() external view returns (uint16[] memory) {
        return _ids;
    }

    function _requireRole(uint8 role, address caller) private view {
        if (!_members[role][caller]) revert NotAuthorised(caller);
    }

    function _requireApproved(uint8 role, address caller, address engine, bytes calldata data)
        private
    {
        _requireRole(role, caller);
        uint8 need = _policies[role].required;
        if (need == 0) return;
        bytes32 id = _id(caller, role, engine, data);
        Request storage asked = _requests[id];
        uint8 have = _status(asked) == OPEN ? _counting(asked) : 0;
        if (have < need) revert ApprovalMissing(have, need);
        asked.status = USED;
        emit RequestUsed(id);
    }

    function _grant(uint8 role, address member) private {
        if (member == address(0)) revert InvalidAccount(member);
        if (_members[role][member]) return;
        _members[role][member] = true;
        _counts[role]++;
        emit RoleGranted(role, member, msg.sender);
    }

    function _revoke(uint8 role, address member) private {
        if (!_members[role][member]) return;
        uint64 left = _counts[role] - 1;
        uint8 required = _policies[role].required;
        uint64 needed = required > 0 ? uint64(required) + 1 : role == ADMIN ? 1 : 0;
        if (left < needed) revert TooFewMembers(role, needed);
        _members[role][member] = false;
        _counts[role] = left;
        emit RoleRevoked(role, member, msg.sender);
    }

    /// @dev Who may not touch a request does not hear how it stands.
    function _made(bytes32 id) private view returns (Request storage asked) {
        asked = _requests[id];
        if (asked.status == 0) revert RequestNotOpen(id, 0);
    }

    function _requireOpen(bytes32 id, Request storage asked) private view {
        uint8 status = _status(asked);
        if (status != OPEN) revert RequestNotOpen(id, status);
    }

    function _status(Request storage asked) private view returns (uint8) {
        return asked.status == OPEN && block.timestamp > asked.expires ? EXPIRED : asked.status;
    }

    function _counting(Request storage asked) private view returns (uint8 have) {
        for (uint256 i = 0; i < asked.approvers.length; i++) {
            if (_members[asked.role][asked.approvers[i]]) have++;
        }
    }

    function _find(uint16 id, bytes3 currency) private view returns (Parameter storage known) {
        known = _parameters[id];
        if (bytes(known.name).length == 0) revert UnknownParameter(id);
        if (!_currencies[currency]) revert UnknownCurrency(currency);
    }

    function _id(address caller, uint8 role, address engine, bytes calldata data)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(caller, role, engine, keccak256(data)));
    }

    function _known(uint8 role) private pure returns (uint8) {
        if (role == 0 || role > 7) revert InvalidRole(role);
        return role;
    }
}
