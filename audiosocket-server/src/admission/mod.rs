//! Which connections become calls: limits, the registry of open connections, the allow list, expected calls.

pub(crate) mod allow_list;
pub(crate) mod calls;
pub(crate) mod expected;
pub(crate) mod limits;
