//! Makes samples of any type that can be read: every field gets a value of its own, every option is
//! once there and once not, every list once empty and once not, every variant comes up.
//!
//! It is a deserializer that makes up what it reads, so that a new field or variant is in the
//! samples without anybody adding it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::{Error, U32Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// How many samples of one type are made at most.
const MOST: usize = 100;

/// Samples in which everything comes up that the type has.
pub(crate) fn samples<T: DeserializeOwned>() -> Vec<T> {
    let mut filler = Filler::default();
    let mut samples = Vec::new();
    while samples.len() < MOST {
        let sample = T::deserialize(&mut filler);
        samples.push(sample.unwrap_or_else(|error| panic!("sample {}: {error}", samples.len())));
        filler.sample += 1;
        if samples.len() > 2 && filler.has_seen_all() {
            return samples;
        }
    }
    panic!("{MOST} samples don't show every variant");
}

#[derive(Default)]
struct Filler {
    /// The first sample has everything, the second nothing that can be left out.
    sample: usize,
    /// Makes values differ.
    count: u32,
    /// How many variants each enum has.
    variants: BTreeMap<&'static str, usize>,
    /// How often each variant has come up.
    seen: BTreeMap<Variant, u32>,
    /// The variants that are being filled, the outermost first.
    within: Vec<Variant>,
    /// The enums that stand in a variant.
    inner: BTreeMap<Variant, BTreeSet<&'static str>>,
}

/// An enum and one of its variants.
type Variant = (&'static str, usize);

impl Filler {
    fn has_seen_all(&self) -> bool {
        self.variants.keys().all(|name| !self.lacks(name))
    }

    /// Whether a variant of an enum has not come up.
    fn lacks(&self, name: &'static str) -> bool {
        let count = self.variants.get(name).copied().unwrap_or(0);
        (0..count).any(|one| !self.seen.contains_key(&(name, one)))
    }

    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// Whether something that may be absent is there.
    fn is_there(&mut self) -> bool {
        match self.sample {
            0 => true,
            1 => false,
            _ => self.next() % 2 == 0,
        }
    }

    fn length(&mut self) -> usize {
        match self.sample {
            0 => 2,
            1 => 0,
            _ => 3,
        }
    }

    /// The variant that has come up least, one that leads to what has not come up at all first.
    fn variant(&mut self, name: &'static str, count: usize) -> usize {
        self.variants.insert(name, count);
        for outer in &self.within {
            self.inner.entry(*outer).or_default().insert(name);
        }
        let one = (0..count).min_by_key(|one| {
            let variant = (name, *one);
            let seen = self.seen.get(&variant).copied().unwrap_or(0);
            let inner = self.inner.get(&variant).into_iter().flatten();
            let leads_on = inner.into_iter().any(|inner| self.lacks(inner));
            (seen > 0 && !leads_on, seen)
        });
        let one = one.unwrap_or(0);
        *self.seen.entry((name, one)).or_default() += 1;
        one
    }

    fn text(&mut self, expected: &str) -> String {
        let count = self.next();
        let day = 1 + count % 28;
        if expected.contains("date and time") {
            format!("2026-03-{day:02}T21:30:00.000001Z")
        } else if expected.contains("code of a currency") {
            "USD".into()
        } else if expected.contains("date") {
            format!("2026-03-{day:02}")
        } else {
            format!("text {count}")
        }
    }
}

/// What a visitor says it wants.
struct Expected<'v, V>(&'v V);

impl<'de, V: Visitor<'de>> fmt::Display for Expected<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident, |$count:ident| $value:expr;)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let $count = self.next();
            visitor.$visit($value)
        })+
    };
}

impl<'de> Deserializer<'de> for &mut Filler {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    numbers! {
        deserialize_bool, visit_bool, |count| count % 2 == 1;
        deserialize_u8, visit_u8, |count| (count % 256) as u8;
        deserialize_u16, visit_u16, |count| (count * 37 % 65_536) as u16;
        deserialize_u32, visit_u32, |count| count * 37;
        deserialize_u64, visit_u64, |count| u64::from(count) * 37;
        deserialize_i8, visit_i8, |count| -((count % 128) as i8);
        deserialize_i16, visit_i16, |count| -((count * 37 % 32_768) as i16);
        deserialize_i32, visit_i32, |count| -((count * 37) as i32);
        // As microseconds, instants of March 2026.
        deserialize_i64, visit_i64, |count| 1_772_800_000_000_000 + i64::from(count) * 1_000_001;
        deserialize_f32, visit_f32, |count| count as f32 / 8.0;
        deserialize_f64, visit_f64, |count| f64::from(count) / 8.0;
        deserialize_char, visit_char, |count| char::from(b'a' + (count % 26) as u8);
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("what describes itself can't be stored"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text(&Expected(&visitor).to_string());
        visitor.visit_string(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let count = self.next();
        visitor.visit_byte_buf(count.to_be_bytes().to_vec())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.is_there() {
            true => visitor.visit_some(self),
            false => visitor.visit_none(),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length();
        visitor.visit_seq(Several { filler: self, left })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length();
        visitor.visit_map(Several { filler: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { filler: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { filler: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let left = fields.len();
        visitor.visit_seq(Several { filler: self, left })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = self.variant(name, variants.len());
        self.within.push((name, variant));
        let filler = &mut *self;
        let made = visitor.visit_enum(One { filler, variant });
        self.within.pop();
        made
    }
}

/// So many values, one after the other.
struct Several<'f> {
    filler: &'f mut Filler,
    left: usize,
}

impl<'de> SeqAccess<'de> for Several<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.filler).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Several<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(&mut *self.filler)
    }
}

/// One variant of an enum.
struct One<'f> {
    filler: &'f mut Filler,
    variant: usize,
}

impl<'de, 'f> EnumAccess<'de> for One<'f> {
    type Error = Error;
    type Variant = &'f mut Filler;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Error> {
        let index: U32Deserializer<Error> = (self.variant as u32).into_deserializer();
        Ok((seed.deserialize(index)?, self.filler))
    }
}

impl<'de> VariantAccess<'de> for &mut Filler {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Several { filler: self, left })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let left = fields.len();
        visitor.visit_seq(Several { filler: self, left })
    }
}
