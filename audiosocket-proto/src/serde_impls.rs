//! `Serialize` and `Deserialize` of [`DtmfDigit`] and [`Timestamp`]. A derive would accept bytes that are no keys, and would
//! write the encoding of a time in memory.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::{DtmfDigit, Timestamp};

/// Writes the character of the key.
impl Serialize for DtmfDigit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(self.as_char())
    }
}

/// Reads the character of one of the sixteen keys.
impl<'de> Deserialize<'de> for DtmfDigit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = char::deserialize(deserializer)?;
        let digit = u8::try_from(key).ok().and_then(Self::new);
        digit.ok_or_else(|| D::Error::custom("not one of the keys 0-9 * # A-D"))
    }
}

/// Writes the nanoseconds since the epoch.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_nanos())
    }
}

/// Reads the nanoseconds since the epoch.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_nanos)
    }
}
