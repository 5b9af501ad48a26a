// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {INativeCoin} from "../../interfaces/INativeCoin.sol";
import {QenexAddresses} from "../../interfaces/QenexAddresses.sol";
import {QXC} from "../../src/qxc/QXC.sol";
import {AccessDouble} from "../doubles/AccessDouble.sol";
import {NativeCoinDouble} from "../doubles/NativeCoinDouble.sol";

/// @dev The engines' doubles in place, QXC as the coin's face, and three people with coin. Everything that
/// tests of QXC and of governance share.
abstract contract QxcFixture is Test {
    INativeCoin internal constant COIN = QenexAddresses.NATIVECOIN;
    uint8 internal constant ADMIN = 1;
    /// @dev 11:33:20 UTC of a day.
    uint256 internal constant START = 1_800_012_800;
    uint256 internal constant ISSUED = 1_000_000_000 ether;
    uint256 internal constant WEALTH = 100_000_000 ether;

    QXC internal token;
    AccessDouble internal access = AccessDouble(address(QenexAddresses.ACCESS));
    address internal owner = makeAddr("owner");
    address internal admin = makeAddr("admin");
    address internal alice;
    uint256 internal aliceKey;
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");

    function setUp() public virtual {
        vm.warp(START);
        (alice, aliceKey) = makeAddrAndKey("alice");
        vm.etch(address(access), address(new AccessDouble()).code);
        vm.etch(address(COIN), address(new NativeCoinDouble()).code);
        access.forceRole(ADMIN, admin);
        token = new QXC(owner);
        NativeCoinDouble(address(COIN)).forceGenesis(address(token), ISSUED);
        vm.deal(alice, WEALTH);
        vm.deal(bob, WEALTH);
        vm.deal(carol, WEALTH);
    }

    function stake(address who, uint256 amount, uint256 lock) internal returns (uint256 index) {
        index = token.stakeCount(who);
        vm.prank(who);
        token.stake(amount, lock);
    }

    function unstake(address who, uint256 index) internal {
        vm.prank(who);
        token.unstake(index);
    }

    function delegate(address who, address to) internal {
        vm.prank(who);
        token.delegate(to);
    }

    function setRates(uint256 base, uint256 bonus) internal {
        vm.prank(owner);
        token.setRewardRates(base, bonus);
    }

    function fund(uint256 amount) internal {
        hoax(carol, carol.balance + amount);
        token.fund{value: amount}();
    }

    function domain() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("QENEX"),
                keccak256("1"),
                block.chainid,
                address(token)
            )
        );
    }

    /// @dev Signs as wallets do, with the standards' text and not the contract's constants.
    function sign(uint256 key, bytes memory content)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        return vm.sign(key, keccak256(abi.encodePacked("\x19\x01", domain(), keccak256(content))));
    }
}
