// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC20Wrapper} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Wrapper.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {PlainToken} from "../lending/LendingFixture.sol";
import {QxcFixture} from "./QxcFixture.sol";

/// @dev For comparison: votes for a deposited token, as OpenZeppelin's library has them. No locks, no rewards.
contract WrappedVotes is ERC20Wrapper, ERC20Votes, ERC20Permit {
    constructor(IERC20 token) ERC20("W", "W") ERC20Permit("W") ERC20Wrapper(token) {}

    function decimals() public view override(ERC20, ERC20Wrapper) returns (uint8) {
        return super.decimals();
    }

    function nonces(address who) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(who);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}

/// @dev Gas of transactions of their own, everything cold, rewards on. The snapshot holds the whole transaction (with
/// the 21,000 and the calldata) and what of it is execution.
/// forge-config: default.isolate = true
contract QxcGasTest is QxcFixture {
    /// @dev What the native engine takes in place of its double: 200 for itself, 2,100 for the face, 300 for looking at
    /// two accounts, 9,000 for moving value, 12 for its call data. The call to it (2,700) is in both.
    uint256 private constant ENGINE = 11_612;

    /// @dev What the double takes where it is called, the call excluded: 2,100 for the face, two calls of the cheat code.
    uint256 private constant DOUBLE = 6692;

    function setUp() public override {
        super.setUp();
        fund(1_000_000 ether);
        setRates(200, 800);
        stake(bob, 100 ether, 90 days);
        vm.warp(START + 1 hours);
        stake(bob, 100 ether, 90 days);
        vm.warp(START + 2 hours);
    }

    function intrinsic(bytes memory data) private pure returns (uint256 gas) {
        gas = 21_000;
        for (uint256 i = 0; i < data.length; i++) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }

    function measure(string memory name, address who, bytes memory data)
        private
        returns (uint256 whole)
    {
        vm.prank(who);
        (bool done,) = address(token).call(data);
        whole = vm.snapshotGasLastCall("qxc", name);
        assertTrue(done);
        vm.snapshotValue("qxc", string.concat(name, ", execution"), whole - intrinsic(data));
    }

    /// @dev Of what moves coin, which is one call of the engine.
    function check(string memory name, address who, bytes memory data, uint256 most) private {
        uint256 native = measure(name, who, data) - DOUBLE + ENGINE;
        vm.snapshotValue("qxc", string.concat(name, ", with the native engine"), native);
        assertLe(native, most, name);
    }

    function stakeData(uint256 lock) private pure returns (bytes memory) {
        return abi.encodeWithSignature("stake(uint256,uint256)", 123.456_789 ether, lock);
    }

    function test_StakeFirst() public {
        check("stake first, a day with other ends", alice, stakeData(90 days), 130_000);
    }

    function test_StakeFirstNewDay() public {
        check("stake first, a day of its own", alice, stakeData(91 days), 130_000);
    }

    function test_StakeAgain() public {
        check("stake again", bob, stakeData(90 days), 130_000);
    }

    function test_StakeAgainNewDay() public {
        check("stake again, a day of its own", bob, stakeData(91 days), 130_000);
    }

    function test_StakeDelegated() public {
        delegate(alice, carol);
        stake(alice, 1 ether, 90 days);
        vm.warp(START + 3 hours);
        check("stake again, delegated", alice, stakeData(90 days), 160_000);
    }

    function test_Unstake() public {
        stake(alice, 1 ether, 1 days);
        vm.warp(START + 3 days);
        check("unstake", alice, abi.encodeCall(token.unstake, (0)), 60_000);
    }

    function test_Transfer() public {
        check("transfer", alice, abi.encodeCall(token.transfer, (bob, 1 ether)), 45_000);
    }

    function test_Approve() public {
        vm.prank(alice);
        token.approve(bob, 1 ether);
        vm.snapshotGasLastCall("qxc", "approve");
    }

    function test_Delegate() public {
        stake(alice, 1 ether, 90 days);
        uint256 whole = measure("delegate", alice, abi.encodeCall(token.delegate, (bob)));
        assertLe(whole, 180_000, "delegate");
    }

    /// @dev As dear as it gets while somebody stakes every day: all stakes there may be, each ending on a day of its own.
    function test_DelegateAllStakesAnew() public {
        for (uint256 i = 0; i < token.MAX_RUNNING(); i++) {
            stake(alice, 1 ether, (90 + i) * 1 days);
        }
        delegate(alice, carol);
        vm.warp(START + 3 hours);
        string memory name = "delegate anew, 64 stakes of own days";
        uint256 whole = measure(name, alice, abi.encodeCall(token.delegate, (bob)));
        assertLe(whole, 1_900_000, name);
        assertEq(token.getVotes(carol), 0);
    }

    function test_OpenZeppelinsWrapperWithVotes() public {
        PlainToken plain = new PlainToken("P", 18);
        WrappedVotes wrapped = new WrappedVotes(plain);
        plain.mint(alice, 1000 ether);
        vm.startPrank(alice);
        plain.approve(address(wrapped), 1000 ether);
        wrapped.delegate(carol);
        wrapped.depositFor(alice, 1 ether);
        vm.roll(block.number + 1);
        wrapped.depositFor(alice, 123.456_789 ether);
        vm.snapshotGasLastCall(
            "qxc", "OpenZeppelin's ERC20Wrapper with ERC20Votes: deposit again, delegated"
        );
        assertEq(wrapped.getVotes(carol), 124.456_789 ether);
    }
}
