//! The access engine's storage: what lies where, and the records' packing.

use alloy_primitives::{Address, B256, FixedBytes, U256};

use crate::registry::ACCESS;
use crate::storage::{Array, Map, Place, Seconds, Slot, nth, packed};

packed! {
    /// Who must agree to what a member of a role does.
    pub struct RolePolicy {
        /// Others of the role. 0: nobody.
        required: u8,
        /// How long a request is open, seconds.
        time: u32,
    }
}

packed! {
    /// First word of a request.
    pub struct Request {
        /// Who asks.
        initiator: Address,
        /// Number of the role.
        role: u8,
        /// 0 unknown, 1 open, 2 used, 3 cancelled.
        status: u8,
        /// Approvals so far.
        approvals: u8,
        /// Last second in which it is open.
        expires: Seconds,
    }
}

/// Most approvals that a policy can ask for.
pub const MAX_APPROVALS: u8 = 8;

/// A request in storage.
pub struct RequestSlots {
    /// Initiator, role, status.
    pub terms: Slot<Request>,
    /// Who agreed; the first `approvals` of them count.
    pub approvers: Array<Slot<Address>, 8>,
}

impl Place for RequestSlots {
    fn place(address: Address, slot: U256) -> Self {
        Self { terms: Place::place(address, slot), approvers: Place::place(address, nth(slot, 1)) }
    }
}

packed! {
    /// A change of a parameter that is under way.
    pub struct Change {
        /// The value to be.
        value: u64,
        /// From this second on it can be applied. 0: there is none.
        effective_at: Seconds,
    }
}

// Storage layout. Append only: a slot's number is part of the consensus.

/// Members by role and address.
pub const MEMBERS: Map<u8, Map<Address, Slot<bool>>> = Map::new(ACCESS, 0);
/// Number of members by role.
pub const MEMBER_COUNTS: Map<u8, Slot<u64>> = Map::new(ACCESS, 1);
/// Policies by role.
pub const ROLE_POLICIES: Map<u8, Slot<RolePolicy>> = Map::new(ACCESS, 2);
/// Requests by id.
pub const REQUESTS: Map<B256, RequestSlots> = Map::new(ACCESS, 3);
/// Changes under way, by parameter and currency (zero: none).
pub const CHANGES: Map<u16, Map<FixedBytes<3>, Slot<Change>>> = Map::new(ACCESS, 4);
