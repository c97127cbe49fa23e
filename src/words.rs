//! Words: how playbooks, facts and lists name the variants of an enum, in one list for reading
//! and for telling.

/// Gives an enum its words: `WORDS`, to read one, and `as_str`, to tell one.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every one, by its word.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            /// Its word in playbooks, facts and lists.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}
