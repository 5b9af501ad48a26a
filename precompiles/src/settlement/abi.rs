//! The Solidity interface of the Settlement engine.

use alloy_sol_types::sol;

sol! {
    /// @title Delivery and payment at once, and netting.
    /// @notice An instruction has legs in any currencies; each payer affirms, which holds the money of its legs, and
    /// the last affirmation settles all of them in that transaction (T+0), or the instruction expires and what it
    /// held goes back. A netting cycle records obligations gross and posts one net position for each participant.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface ISettlement {
        /// @notice One payment of an instruction.
        struct Leg {
            address payer;
            address payee;
            bytes3 currency;
            uint128 amount;
        }

        /// @notice An instruction was made.
        event Instructed(bytes32 indexed id, address indexed instructor, uint64 expires, bytes32 payloadHash, Leg[] legs);
        /// @notice A payer affirmed; the money of its legs is held.
        /// @param open Legs that are not affirmed yet.
        event Affirmed(bytes32 indexed id, address indexed payer, uint8 open);
        /// @notice All legs were posted.
        event InstructionSettled(bytes32 indexed id);
        /// @notice An instruction came to nothing; what it held went back.
        /// @param status 3 CANCELLED, 4 EXPIRED.
        event InstructionEnded(bytes32 indexed id, uint8 status, address indexed by);
        /// @notice A netting cycle was opened.
        /// @param account Through which the net positions are posted.
        event CycleOpened(bytes32 indexed id, address indexed operator, address indexed account, bytes3 currency, address[] participants);
        /// @notice An obligation was recorded, gross.
        event Obliged(bytes32 indexed id, address indexed from, address indexed to, uint128 amount, bytes16 clientReference);
        /// @notice A net position was posted: above zero the participant was paid.
        event NetPosted(bytes32 indexed id, address indexed participant, int256 net);
        /// @notice A cycle was closed.
        /// @param gross Sum of the obligations.
        /// @param net What moved for them.
        event CycleClosed(bytes32 indexed id, uint256 gross, uint256 net);

        /// @notice Makes an instruction of 1 to 32 legs. Anybody may; nothing moves without the payers.
        /// @param clientReference Of the caller, unique.
        /// @param expires Last second.
        /// @return id keccak256(caller, reference).
        function instruct(bytes16 clientReference, Leg[] calldata legs, uint64 expires, bytes32 payloadHash) external returns (bytes32 id);
        /// @notice Affirms the legs of a payer. Its owner may, or its delegate for holds. All checks of a payment apply.
        function affirm(bytes32 id, address payer) external;
        /// @notice Affirms by a key of the payer. Anybody may hand it in.
        /// @param scheme And `proof` on `affirmationDigest`, as in orders of the ledger.
        function affirmSigned(bytes32 id, address payer, uint8 scheme, bytes calldata proof) external;
        /// @notice Settles an instruction all of whose legs are affirmed, once none is under review any more. Anybody may.
        function settle(bytes32 id) external;
        /// @notice Takes an instruction back that is not settled. The instructor may, and the owners of payers.
        function cancel(bytes32 id) external;
        /// @notice Ends an instruction whose time is over. Anybody may.
        function expire(bytes32 id) external;

        /// @notice Opens a netting cycle of 2 to 64 participants.
        /// @param account Of type SETTLEMENT, owned by the caller: net positions are posted through it.
        /// @return id keccak256(caller, reference).
        function openCycle(bytes16 clientReference, address account, bytes3 currency, address[] calldata participants) external returns (bytes32 id);
        /// @notice Records an obligation between two participants. The payer's owner may, or its delegate for payments. All
        /// checks of a payment apply, except that the money need not be there yet.
        /// @param clientReference Of the payer, unique in the cycle.
        function oblige(bytes32 id, bytes16 clientReference, address from, address to, uint128 amount) external;
        /// @notice Posts one net position for each participant. Only who opened the cycle may.
        function closeCycle(bytes32 id) external;

        /// @notice An instruction. Status 1 OPEN, 2 SETTLED, 3 CANCELLED, 4 EXPIRED.
        function instruction(bytes32 id) external view returns (address instructor, uint8 status, uint64 expires, uint8 open, Leg[] memory legs, bool[] memory affirmed);
        /// @notice What a key signs to affirm (EIP-712).
        function affirmationDigest(bytes32 id, address payer) external view returns (bytes32);
        /// @notice A cycle. Status 1 OPEN, 2 CLOSED. Net positions are in the order of the participants.
        function cycle(bytes32 id) external view returns (address operator, address account, bytes3 currency, uint8 status, uint128 gross, address[] memory participants, int256[] memory nets);
    }
}
