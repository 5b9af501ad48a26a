// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";
import {IStaking} from "../../src/qxc/IStaking.sol";
import {QXC} from "../../src/qxc/QXC.sol";

/// @dev Does what people do, so that nothing reverts, and writes down what it did: the model that the contract is held
/// against.
contract QxcHandler is CommonBase, StdUtils {
    struct Made {
        address owner;
        uint256 amount;
        uint256 start;
        uint256 votesUntil;
    }

    struct Named {
        uint256 time;
        address delegatee;
    }

    QXC public immutable TOKEN;
    address public immutable OWNER;
    address[] public actors;
    Made[] public made;
    uint256[] public times;
    mapping(address owner => Named[]) public named;
    /// @dev All coin of the people and of the contract.
    uint256 public coin;

    constructor(QXC token, address owner) {
        (TOKEN, OWNER) = (token, owner);
        for (uint256 i = 0; i < 5; i++) {
            actors.push(vm.addr(1000 + i));
            vm.deal(actors[i], 1_000_000 ether);
            coin += 1_000_000 ether;
        }
    }

    /// @dev Remembers a second to ask about later.
    modifier seen() {
        _;
        if (times.length == 0 || times[times.length - 1] != vm.getBlockTimestamp()) {
            times.push(vm.getBlockTimestamp());
        }
    }

    function actor(uint256 seed) private view returns (address) {
        return actors[seed % actors.length];
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external seen {
        address payer = actor(from);
        vm.prank(payer);
        TOKEN.transfer(actor(to), bound(amount, 0, payer.balance));
    }

    function transferFrom(uint256 spender, uint256 from, uint256 to, uint256 amount) external seen {
        address payer = actor(from);
        amount = bound(amount, 0, payer.balance);
        vm.prank(payer);
        TOKEN.approve(actor(spender), amount);
        vm.prank(actor(spender));
        TOKEN.transferFrom(payer, actor(to), amount);
    }

    function stake(uint256 who, uint256 amount, uint256 lock) external seen {
        address owner = actor(who);
        if (owner.balance == 0 || TOKEN.stakeCount(owner) >= TOKEN.MAX_RUNNING()) return;
        amount = bound(amount, 1, owner.balance);
        // Half of all locks are short, so that many end within a run.
        lock = bound(lock, 1 days, lock % 2 == 0 ? 20 days : 730 days);
        uint256 index = TOKEN.stakeCount(owner);
        vm.prank(owner);
        TOKEN.stake(amount, lock);
        IStaking.StakeInfo memory info = TOKEN.stakeOf(owner, index);
        made.push(Made(owner, amount, vm.getBlockTimestamp(), info.votesUntil));
    }

    function unstake(uint256 who, uint256 from) external seen {
        address owner = actor(who);
        uint256 count = TOKEN.stakeCount(owner);
        for (uint256 i = 0; i < count; i++) {
            uint256 index = (from % count + i) % count;
            IStaking.StakeInfo memory info = TOKEN.stakeOf(owner, index);
            if (info.unstaked || info.unlockTime > vm.getBlockTimestamp()) continue;
            uint256 before = owner.balance;
            vm.prank(owner);
            TOKEN.unstake(index);
            require(owner.balance == before + info.amount + info.reward, "paid as promised");
            return;
        }
    }

    function delegate(uint256 who, uint256 to) external seen {
        address owner = actor(who);
        vm.prank(owner);
        TOKEN.delegate(actor(to));
        named[owner].push(Named(vm.getBlockTimestamp(), actor(to)));
    }

    function fund(uint256 who, uint256 amount) external {
        address payer = actor(who);
        if (payer.balance < 1 gwei) return;
        amount = bound(amount, 1 gwei, payer.balance < 100 ether ? payer.balance : 100 ether);
        vm.prank(payer);
        TOKEN.fund{value: amount}();
    }

    function donate(uint256 amount) external {
        amount = bound(amount, 1 gwei, 10 ether);
        vm.deal(address(TOKEN), address(TOKEN).balance + amount);
        coin += amount;
        if (amount % 2 == 0) TOKEN.sweep();
    }

    function setRates(uint256 base, uint256 bonus) external {
        base = bound(base, 0, 10_000);
        bonus = bound(bonus, 0, 10_000 - base);
        vm.prank(OWNER);
        TOKEN.setRewardRates(base, bonus);
    }

    /// @dev Only in the dynamic suite.
    function pass(uint256 time) external {
        time = bound(time, 0, time % 4 == 0 ? 60 days : 2 days);
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function counts() external view returns (uint256 people, uint256 stakes, uint256 seconds_) {
        return (actors.length, made.length, times.length);
    }

    /// @dev The votes of an account at the end of a second by the definition: of all stakes that count then, those whose
    /// owner has named it last.
    function votesOf(address account, uint256 time) external view returns (uint256 votes) {
        for (uint256 i = 0; i < made.length; i++) {
            Made memory one = made[i];
            if (one.start > time || one.votesUntil <= time) continue;
            address delegatee = one.owner;
            Named[] storage list = named[one.owner];
            for (uint256 j = list.length; j > 0; j--) {
                if (list[j - 1].time > time) continue;
                delegatee = list[j - 1].delegatee;
                break;
            }
            if (delegatee == account) votes += one.amount;
        }
    }
}
