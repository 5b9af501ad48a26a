//! The transaction pool: admission, ordering, replacement, limits.
