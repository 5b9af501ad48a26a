// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "forge-std/Vm.sol";
import {INativeCoin} from "../../interfaces/INativeCoin.sol";
import {IQenexErrors} from "../../interfaces/IQenexErrors.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {AccessDouble} from "./AccessDouble.sol";

/// @title The `NativeCoin` engine for tests without a chain
/// @notice Put its code where the engine is:
///
///     vm.etch(0x515800000000000000000000000000000000000A, address(new NativeCoinDouble()).code);
///
/// Signatures, errors, event and rules are the engine's. `setFace` asks the double of `Access`, which must
/// be in place for it. Balances change by a cheat code: on a fork, `vm.allowCheatcodes` it first. The functions
/// whose names begin with `force` exist only here.
/// @dev Its storage lies apart from the engine's, so that on a fork it finds nothing of it.
contract NativeCoinDouble layout at 2 ** 200 is INativeCoin, IQenexErrors {
    Vm private constant CHEATS = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint8 private constant ADMIN = 1;

    address public face;
    uint256 public issued;

    fallback() external {
        revert UnknownFunction(msg.sig);
    }

    /// @notice Sets what a genesis state sets: the face and the sum of all coin.
    function forceGenesis(address face_, uint256 issued_) external {
        (face, issued) = (face_, issued_);
    }

    function transfer(address from, address to, uint256 amount) external {
        if (msg.sender == address(0) || msg.sender != face) revert NotAuthorised(msg.sender);
        if (from == address(0)) revert ERC20InvalidSender(from);
        if (to == address(0) || isEngine(to)) revert ERC20InvalidReceiver(to);
        uint256 balance = from.balance;
        if (balance < amount) revert ERC20InsufficientBalance(from, balance, amount);
        CHEATS.deal(from, balance - amount);
        CHEATS.deal(to, to.balance + amount);
    }

    function setFace(address face_) external {
        AccessDouble(address(QenexAddresses.ACCESS))
            .forceUseApproval(ADMIN, msg.sender, address(this), msg.data);
        if (face_ == address(0) || isEngine(face_)) revert InvalidAccount(face_);
        if (face != address(0)) revert FaceExists(face);
        face = face_;
        emit FaceSet(face_, msg.sender);
    }

    /// @notice Whether calls to an address go to an engine: the fixed ones, faces of currencies and of price feeds.
    function isEngine(address account) public pure returns (bool) {
        uint160 number = uint160(account);
        uint160 rest = number & (type(uint160).max >> 24);
        if (number >> 136 == 0x515800) return rest > 0 && rest <= 0x0A && rest != 7;
        if (number >> 136 == 0x5158C0) return rest >> 24 == 0 && _letters(bytes3(uint24(rest)));
        return number >> 136 == 0x5158F0 && rest > 0 && rest <= type(uint32).max;
    }

    function _letters(bytes3 code) private pure returns (bool) {
        for (uint256 i = 0; i < 3; i++) {
            if (code[i] < "A" || code[i] > "Z") return false;
        }
        return true;
    }
}
