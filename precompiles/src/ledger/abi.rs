//! The Solidity interface of the Ledger engine.

#![expect(clippy::too_many_arguments, reason = "the macro makes a constructor of every event")]

use alloy_sol_types::sol;

sol! {
    /// @title Currencies, balances and transfers.
    /// @notice Amounts are minor units (cents). A client reference is unique per account for ever: a
    /// replay with the same content returns the first result and changes nothing, with different
    /// content it reverts naming the first field that differs.
    #[sol(abi)]
    #[derive(Debug, PartialEq, Eq)]
    interface ILedger {
        /// @notice A posting. The only event of the ledger that moves money; both balances changed by `amount`.
        /// @param id keccak256(account, clientReference) of the payer, or of the issuer if money was issued.
        /// @param from The payer; zero if money was issued.
        /// @param to The payee.
        /// @param amount Minor units.
        /// @param clientReference As given; eight bytes 0xff and a counter if it came through an ERC-20 face.
        /// @param endToEndId The payment's id from end to end, or zero.
        /// @param payloadHash Hash of the ISO 20022 message kept off chain, or zero.
        event Settled(bytes32 indexed id, address indexed from, address indexed to, bytes3 currency, uint128 amount, bytes16 clientReference, bytes32 endToEndId, bytes32 payloadHash);
        /// @notice A currency was registered; its ERC-20 face is at 0x5158C0… with the code as last three bytes.
        event CurrencyRegistered(bytes3 indexed currency, uint8 exponent, string name, address issuer, uint128 cap);
        /// @notice A currency was suspended or allowed again.
        event CurrencyStatusSet(bytes3 indexed currency, bool active);

        /// @notice Registers a currency for ever. Only the admin may.
        /// @param exponent Digits after the decimal point, 0 to 18, frozen.
        /// @param name 1 to 31 bytes.
        /// @param issuer Who may issue.
        /// @param cap Most that may ever be outstanding, minor units.
        function registerCurrency(bytes3 code, uint8 exponent, string calldata name, address issuer, uint128 cap) external;
        /// @notice Suspends a currency (no postings) or allows it again. Only the admin may.
        function setCurrencyActive(bytes3 code, bool active) external;
        /// @notice Issues money to an account. Only the currency's issuer may.
        /// @return id keccak256(issuer, clientReference).
        function issue(bytes16 clientReference, address to, bytes3 currency, uint128 amount) external returns (bytes32 id);
        /// @notice Pays. The caller must be the owner of `from`.
        /// @param endToEndId The payment's id from end to end, or zero.
        /// @param payloadHash Hash of the ISO 20022 message kept off chain, or zero.
        /// @return id keccak256(from, clientReference).
        function transfer(bytes16 clientReference, address from, address to, bytes3 currency, uint128 amount, bytes32 endToEndId, bytes32 payloadHash) external returns (bytes32 id);

        /// @notice The balance of an account: posted, the part of it that is held, and the rest. Zero for an unknown account.
        function balanceOf(address account, bytes3 currency) external view returns (uint128 posted, uint128 held, uint128 available);
        /// @notice A currency.
        function currency(bytes3 code) external view returns (uint8 exponent, string memory name, address issuer, uint128 cap, bool active);
        /// @notice The money outstanding, minor units.
        function supply(bytes3 code) external view returns (uint128);
        /// @notice The transfer an account made, or the issuer's issue, under a client reference.
        /// @dev `kind` is 1 TRANSFER or 2 ISSUE, `status` 4 SETTLED.
        function transferOf(address account, bytes16 clientReference) external view returns (bytes32 id, address from, address to, bytes3 currency, uint128 amount, uint8 kind, uint8 status, uint64 blockNumber, uint64 timestamp, bytes32 endToEndId, bytes32 payloadHash);
    }
}
