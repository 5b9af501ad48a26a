//! The Solidity interface of the PqVerify engine.

use alloy_sol_types::sol;

sol! {
    /// @title Signatures that resist quantum computers, for contracts.
    /// @notice ML-DSA-65 (FIPS 204), pure, with an empty context. A key has 1,952 bytes, a signature 3,309.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface IPqVerify {
        /// @notice Whether `signature` is one of `publicKey` on `message`. False for whatever has another length.
        function verifyMlDsa65(bytes calldata publicKey, bytes calldata message, bytes calldata signature) external view returns (bool);
        /// @notice The id under which the Accounts engine knows a key: keccak256 of scheme and key. Reverts with `InvalidKey`
        /// if it is no key of the scheme: 1 secp256k1, 2 P-256, 3 WebAuthn, 4 ML-DSA-65.
        function keyId(uint8 scheme, bytes calldata publicKey) external view returns (bytes32);
        /// @notice The id of the key that signed a digest; zero if `proof` is not right. Schemes and proofs as in orders of the
        /// ledger.
        function signer(uint8 scheme, bytes32 digest, bytes calldata proof) external view returns (bytes32);
    }
}
