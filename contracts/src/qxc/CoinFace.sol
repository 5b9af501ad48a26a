// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {INativeCoin} from "../../interfaces/INativeCoin.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";

/// @title The native coin as an ERC-20
/// @notice `balanceOf(a)` is the native balance of `a`: there is one money. The NativeCoin engine moves it for this
/// contract alone, and runs no code of the recipient.
///
/// Two things differ from a token that keeps its own books. Coin also moves without `Transfer` events here: by
/// plain payments, as fees, and when fees are burnt; `totalSupply` is the coin issued at genesis and does not
/// follow burnt fees. And whoever sends a transaction pays for its gas, so its balance falls by more than it pays.
/// @dev No immutables and no storage that a constructor sets: the code works at any address, from a genesis state
/// too. The EIP-712 domain is computed at each use for that reason.
abstract contract CoinFace is IERC20Metadata, IERC20Permit, IERC20Errors, IERC5267, Nonces {
    /// @dev The engine. It refuses whoever is not its face.
    INativeCoin internal constant COIN = QenexAddresses.NATIVECOIN;

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant PERMIT_TYPEHASH = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );

    /// @notice The permit was valid until `deadline`.
    error ERC2612ExpiredSignature(uint256 deadline);
    /// @notice The permit was signed by `signer`, or is for another nonce, spender, value, chain or contract.
    error ERC2612InvalidSigner(address signer, address owner);

    mapping(address owner => mapping(address spender => uint256)) private _allowances;

    /// @inheritdoc IERC20Metadata
    function name() public pure returns (string memory) {
        return "QENEX";
    }

    /// @inheritdoc IERC20Metadata
    function symbol() public pure returns (string memory) {
        return "QXC";
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public pure returns (uint8) {
        return 18;
    }

    /// @notice All coin of the genesis state, wei. Burnt base fees are not taken off.
    function totalSupply() public view returns (uint256) {
        return COIN.issued();
    }

    /// @notice The native balance of an account, wei.
    function balanceOf(address account) public view returns (uint256) {
        return account.balance;
    }

    /// @inheritdoc IERC20
    function allowance(address owner, address spender) public view returns (uint256) {
        return _allowances[owner][spender];
    }

    /// @inheritdoc IERC20
    /// @dev Refuses the zero address and engines (the engine does) and this contract, where nobody could
    /// get it back: `ERC20InvalidReceiver`.
    function transfer(address to, uint256 amount) public virtual returns (bool) {
        _pay(msg.sender, to, amount);
        return true;
    }

    /// @inheritdoc IERC20
    function transferFrom(address from, address to, uint256 amount) public returns (bool) {
        uint256 allowed = _allowances[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < amount) {
                revert ERC20InsufficientAllowance(msg.sender, allowed, amount);
            }
            // Safe: compared just above.
            unchecked {
                _allowances[from][msg.sender] = allowed - amount;
            }
        }
        _pay(from, to, amount);
        return true;
    }

    /// @inheritdoc IERC20
    function approve(address spender, uint256 amount) public virtual returns (bool) {
        _approve(msg.sender, spender, amount);
        return true;
    }

    /// @inheritdoc IERC20Permit
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) public {
        if (block.timestamp > deadline) revert ERC2612ExpiredSignature(deadline);
        uint256 nonce = _useNonce(owner);
        bytes32 content =
            keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, nonce, deadline));
        address signer = ECDSA.recover(_digest(content), v, r, s);
        if (signer != owner) revert ERC2612InvalidSigner(signer, owner);
        _approve(owner, spender, value);
    }

    /// @notice Signatures of an account used so far, by permits and delegations: what its next one names.
    function nonces(address owner) public view override(IERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @inheritdoc IERC20Permit
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH, keccak256("QENEX"), keccak256("1"), block.chainid, address(this)
            )
        );
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        public
        view
        returns (
            bytes1 fields,
            string memory domainName,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // Name, version, chain and contract: the bits of 0x0f.
        return (hex"0f", "QENEX", "1", block.chainid, address(this), 0, new uint256[](0));
    }

    /// @dev What is signed, of the hash of a struct.
    function _digest(bytes32 content) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(DOMAIN_SEPARATOR(), content);
    }

    /// @dev Moves coin with the event of ERC-20. Without any rule: callers have decided.
    function _move(address from, address to, uint256 amount) internal {
        COIN.transfer(from, to, amount);
        emit Transfer(from, to, amount);
    }

    function _pay(address from, address to, uint256 amount) private {
        if (to == address(this)) revert ERC20InvalidReceiver(to);
        _move(from, to, amount);
    }

    function _approve(address owner, address spender, uint256 amount) private {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        _allowances[owner][spender] = amount;
        emit Approval(owner, spender, amount);
    }
}
