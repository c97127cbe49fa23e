//! Links to quotes: whatever of them is changed, they lead nowhere.

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use leadkit::ids::{Id, LeadId, Tenant};
use leadkit::link::{LinkError, LinkKey, QuoteLink};
use leadkit::time::{Elapsed, Instant};
use proptest::prelude::*;

/// As another implementation of HMAC-SHA-256 signs it: links that customers hold must stay good.
const TOKEN: &str =
    "0192f0c1-2345-7abc-8def-0123456789ab.2.1774400400.0b5c41101eff7b3e95dbda8fadb4964d";

fn key(first: u8) -> LinkKey {
    let secret: Vec<u8> = (0..32).map(|byte: u8| byte.wrapping_add(first)).collect();
    LinkKey::new(secret).unwrap()
}

fn link() -> QuoteLink {
    QuoteLink {
        tenant: Tenant::from("quito"),
        lead: "0192f0c1-2345-7abc-8def-0123456789ab".parse().unwrap(),
        version: 2,
        expires_at: Instant::from_timestamp(1_774_400_400, 0).unwrap(),
    }
}

fn before() -> Instant {
    link().expires_at - Elapsed::seconds(1)
}

fn verified(token: &str) -> Result<QuoteLink, LinkError> {
    QuoteLink::verify(token, &key(0), &Tenant::from("quito"), before())
}

#[test]
fn a_link_is_the_page_and_a_token_that_stays_the_same() {
    for page in ["https://quotes.example/q", "https://quotes.example/q/"] {
        let address = link().sign(&key(0), page);
        assert_eq!(address, format!("https://quotes.example/q/{TOKEN}"));
    }
    assert_eq!(verified(TOKEN), Ok(link()));
}

#[test]
fn other_tenants_other_keys_and_later_times_are_refused() {
    let other = QuoteLink::verify(TOKEN, &key(0), &Tenant::from("cuenca"), before());
    assert_eq!(other, Err(LinkError::NotSigned));
    let other = QuoteLink::verify(TOKEN, &key(1), &Tenant::from("quito"), before());
    assert_eq!(other, Err(LinkError::NotSigned));
    let expires_at = link().expires_at;
    let late = QuoteLink::verify(TOKEN, &key(0), &Tenant::from("quito"), expires_at);
    assert_eq!(late, Err(LinkError::Expired(expires_at)));
}

#[test]
fn what_is_no_token_is_refused() {
    let shorter = &TOKEN[..TOKEN.len() - 2];
    let longer = format!("{TOKEN}00");
    let upper = TOKEN.to_uppercase();
    let signed = TOKEN.replacen(".2.", ".+2.", 1);
    let more = TOKEN.replacen(".2.", ".2.2.", 1);
    let unsigned = TOKEN.rsplit_once('.').unwrap().0;
    let empty = format!("{unsigned}.");
    for token in [
        "", ".", "...", shorter, &longer, &upper, &signed, &more, unsigned, &empty,
    ] {
        assert_eq!(verified(token), Err(LinkError::NotSigned), "{token}");
    }
}

#[test]
fn a_key_that_could_be_guessed_is_refused_and_none_is_shown() {
    assert!(LinkKey::new(b"secret").is_err());
    assert_eq!(format!("{:?}", key(0)), "LinkKey(..)");
}

proptest! {
    #[test]
    fn a_link_leads_where_it_was_made_for(id: [u8; 16], version: u32, second in 0..4_000_000_000_i64, tenant in "[a-z]{1,12}") {
        let expires_at = Instant::from_timestamp(second, 0).unwrap();
        let lead = LeadId(Id::from_bytes(id));
        let link = QuoteLink { tenant: Tenant::from(tenant.as_str()), lead, version, expires_at };
        let address = link.sign(&key(0), "https://quotes.example");
        let token = address.rsplit('/').next().unwrap();
        let now = expires_at - Elapsed::microseconds(1);
        prop_assert_eq!(QuoteLink::verify(token, &key(0), &link.tenant, now), Ok(link.clone()));
    }

    #[test]
    fn no_letter_of_it_can_be_changed(place in 0..TOKEN.len(), letter in "[0-9a-f.+ -]") {
        let mut token = TOKEN.to_owned();
        token.replace_range(place..=place, &letter);
        prop_assume!(token != TOKEN);
        prop_assert_eq!(verified(&token), Err(LinkError::NotSigned));
    }
}
