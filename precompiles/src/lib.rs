//! The financial engines: native code behind fixed addresses.
