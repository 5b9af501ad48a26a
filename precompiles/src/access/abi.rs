//! The Solidity interface of the Access engine.

use alloy_sol_types::sol;

sol! {
    /// @title Roles, approvals of several, and the registry of parameters.
    /// @notice Roles: 1 ADMIN, 2 REGISTRAR, 3 COMPLIANCE_OFFICER, 4 RISK_OFFICER, 5 ATTESTOR, 6 FEED_MANAGER, 7 GUARDIAN.
    /// A role's policy can ask that others of the role agree before one of them acts: who wants to act requests it
    /// here with the very call data, the others approve, and then the call goes to its engine.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface IAccess {
        /// @notice An address got a role.
        event RoleGranted(uint8 indexed role, address indexed member, address indexed by);
        /// @notice An address lost a role.
        event RoleRevoked(uint8 indexed role, address indexed member, address indexed by);
        /// @notice So many others of the role must agree to what one of them does, within `time` seconds.
        event PolicySet(uint8 indexed role, uint8 required, uint32 time);
        /// @notice A member of a role asks the others to agree to a call.
        event Requested(bytes32 indexed id, address indexed initiator, uint8 indexed role, address engine, bytes data, uint8 required, uint64 expires);
        /// @notice A member agreed.
        event RequestApproved(bytes32 indexed id, address indexed approver, uint8 have);
        /// @notice A request was used: the call went through.
        event RequestUsed(bytes32 indexed id);
        /// @notice A request was taken back.
        event RequestCancelled(bytes32 indexed id, address indexed by);
        /// @notice A parameter is to change.
        /// @param effectiveAt From this second on `applyParameter` changes it.
        event ParameterProposed(uint16 indexed id, bytes3 indexed currency, uint64 value, uint64 effectiveAt, address by);
        /// @notice A parameter changed.
        event ParameterApplied(uint16 indexed id, bytes3 indexed currency, uint64 previous, uint64 value);
        /// @notice A change of a parameter was taken back.
        event ParameterCancelled(uint16 indexed id, bytes3 indexed currency, address by);

        /// @notice Gives an address a role. Admins, with the approvals that their policy asks for.
        function grantRole(uint8 role, address member) external;
        /// @notice Takes a role from an address. As `grantRole`. The last admin stays, and so do as many members as the
        /// role's policy needs.
        function revokeRole(uint8 role, address member) external;
        /// @notice Gives the caller's own role up.
        function renounceRole(uint8 role) external;
        /// @notice Sets how many others of a role must agree (0: nobody) and how long a request is open. As `grantRole`.
        function setPolicy(uint8 role, uint8 required, uint32 time) external;
        /// @notice Asks the others of a role to agree to a call of the caller.
        /// @param engine Where the call will go.
        /// @param data The very call data.
        /// @return id keccak256 of caller, role, engine and keccak256 of the data.
        function request(uint8 role, address engine, bytes calldata data) external returns (bytes32 id);
        /// @notice Agrees to a request. Others of the role may.
        function approve(bytes32 id) external;
        /// @notice Takes a request back. Its initiator, admins and guardians may.
        function cancel(bytes32 id) external;
        /// @notice Proposes another value of a parameter. Admins, with the approvals that their policy asks for.
        /// @param currency The currency, for parameters that each currency has; else zero.
        function proposeParameter(uint16 id, bytes3 currency, uint64 value) external;
        /// @notice Changes a parameter as proposed, once its delay is over. Anybody may.
        function applyParameter(uint16 id, bytes3 currency) external;
        /// @notice Takes a proposed change back. Admins and guardians may.
        function cancelParameter(uint16 id, bytes3 currency) external;

        /// @notice Whether an address has a role.
        function hasRole(uint8 role, address member) external view returns (bool);
        /// @notice How many addresses have a role.
        function memberCount(uint8 role) external view returns (uint64);
        /// @notice The policy of a role.
        function policyOf(uint8 role) external view returns (uint8 required, uint32 time);
        /// @notice A request.
        /// @param status 0 unknown, 1 open, 2 used, 3 cancelled, 4 expired.
        /// @param have Approvals that count now.
        function requestOf(bytes32 id) external view returns (address initiator, uint8 role, uint8 status, uint8 have, uint8 required, uint64 expires);
        /// @notice A parameter: value and bounds, delay in seconds, and the change that is under way (0: none).
        function parameter(uint16 id, bytes3 currency) external view returns (string memory name, uint64 value, uint64 min, uint64 initial, uint64 max, uint64 delay, uint64 pendingValue, uint64 effectiveAt);
        /// @notice The ids of all parameters.
        function parameters() external view returns (uint16[] memory ids);
    }
}
