//! What is printed holds no secret.

/// A text without what only its owner should know: user and password of URLs, and private keys.
pub(crate) fn redacted(text: &str) -> String {
    without_key(&without_password(text))
}

fn without_password(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        // Up to where the host must have ended.
        let end = after
            .find(|c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace())
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                clean.push_str("***@");
                clean.push_str(host);
            }
            None => clean.push_str(authority),
        }
        rest = tail;
    }
    clean.push_str(rest);
    clean
}

fn without_key(text: &str) -> String {
    const PREFIX: &str = "APrivateKey1";
    let mut parts = text.split(PREFIX);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(PREFIX);
        clean.push('…');
        clean.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_are_redacted() {
        for (text, expected) in [
            ("http://127.0.0.1:3030", "http://127.0.0.1:3030"),
            ("http://me:secret@host:1/x@y", "http://***@host:1/x@y"),
            ("http://me:se@cret@host", "http://***@host"),
            ("a http://u:p@h, b \"https://q@h\"", "a http://***@h, b \"https://***@h\""),
            ("APrivateKey1abc, x", "APrivateKey1…, x"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
