// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @dev A token that misbehaves as it is told to, in one way at a time.
contract HostileToken {
    enum Way {
        NONE,
        RETURN_NOTHING,
        RETURN_FALSE,
        RETURN_TWO,
        TAKE_A_FEE,
        MOVE_NOTHING,
        REVERT,
        BURN_ALL_GAS,
        REENTER
    }

    uint8 public constant decimals = 18;
    Way public way;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    address private _target;
    bytes private _call;
    bool public reentered;
    bytes public answer;

    function be(Way way_) external {
        way = way_;
    }

    /// @dev What is called from within the next transfers.
    function reenter(address target, bytes calldata data) external {
        (way, _target, _call, reentered) = (Way.REENTER, target, data, false);
    }

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        require(allowance[from][msg.sender] >= amount, "allowance");
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        if (way == Way.REVERT) revert("no");
        if (way == Way.BURN_ALL_GAS) {
            assembly {
                invalid()
            }
        }
        if (way == Way.REENTER && !reentered) {
            reentered = true;
            bool done;
            (done, answer) = _target.call(_call);
            if (!done) _answer(0, 0);
        }
        if (way != Way.MOVE_NOTHING) {
            require(balanceOf[from] >= amount, "balance");
            balanceOf[from] -= amount;
            balanceOf[to] += way == Way.TAKE_A_FEE ? amount - amount / 100 : amount;
        }
        if (way == Way.RETURN_NOTHING) _answer(0, 0);
        if (way == Way.RETURN_FALSE) _answer(32, 0);
        if (way == Way.RETURN_TWO) _answer(32, 2);
        _answer(32, 1);
    }

    function _answer(uint256 length, uint256 word) private {
        // The reentered call failed: so does the transfer, with its reason.
        if (way == Way.REENTER && length == 0) {
            bytes memory reason = answer;
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        assembly {
            mstore(0, word)
            return(0, length)
        }
    }
}
