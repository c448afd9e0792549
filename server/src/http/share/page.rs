//! Pages for browsers that open a share link. Everything that comes from the library is escaped, and there are no scripts. Their
//! sheet is the web app's; they can be read without it.

use axum::response::Html;
use serde_json::Value;

use super::Shown;

/// The items of a link. Where its password was given, the next page asks for it again.
pub fn of(shown: &Shown, has_password: bool) -> Html<String> {
    let mut body = format!("<h1>{}</h1>", escape(&shown.name));
    if let Some(description) = &shown.description {
        body.push_str(&format!("<p>{}</p>", escape(description)));
    }
    for media in &shown.items {
        body.push_str(&item(media, shown.items.len() > 1));
    }
    if let Some(next) = &shown.next {
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let next = format!("?after={}", escape(&next));
        match has_password {
            true => body.push_str(&form(&next, "More")),
            false => body.push_str(&format!("<p><a href=\"{next}\">More</a></p>")),
        }
    }
    document(&shown.name, &body)
}

/// Asks for the password.
pub fn locked(was_wrong: bool) -> Html<String> {
    let wrong = if was_wrong {
        "<p role=\"alert\">This is not the password.</p>"
    } else {
        ""
    };
    document(
        "Shared with you",
        &format!("<h1>Shared with you</h1>{wrong}{}", form("", "Open")),
    )
}

/// Says why there is nothing.
pub fn closed(message: &str) -> Html<String> {
    document("Not here", &format!("<h1>Not here</h1><p>{}</p>", escape(message)))
}

fn form(action: &str, label: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{action}\"><p><label>Password <input type=\"password\" name=\"password\" required \
         autocomplete=\"off\"></label> <button>{label}</button></p></form>"
    )
}

fn item(media: &Value, has_title: bool) -> String {
    let text = |value: &Value| value.as_str().map(escape);
    let files = media["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let file = files.iter().find(|file| file["missingSince"].is_null());
    let title = text(&media["title"]).unwrap_or_default();
    let heading = if has_title {
        format!("<h2>{title}</h2>")
    } else {
        String::new()
    };
    let Some(url) = file.and_then(|file| text(&file["url"])) else {
        return format!("<section>{heading}<p>Its file is missing.</p></section>");
    };
    let poster = text(&media["thumbnail"]["url"]).map_or(String::new(), |url| format!(" poster=\"{url}\""));
    let shown = match media["kind"].as_str() {
        Some("VIDEO") => format!("<video controls preload=\"none\" width=\"960\"{poster} src=\"{url}\"></video>"),
        Some("AUDIO") => format!("<audio controls preload=\"none\" src=\"{url}\"></audio>"),
        _ => format!("<img loading=\"lazy\" width=\"960\" alt=\"{title}\" src=\"{url}\">"),
    };
    format!("<section>{heading}<p>{shown}</p><p><a href=\"{url}\" download>Download</a></p></section>")
}

fn document(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/share.css\">\
         <title>{} – Vitagraph</title></head><body><main>{body}</main></body></html>",
        escape(title)
    ))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Shown, closed, of};

    #[test]
    fn nothing_of_the_library_becomes_markup() {
        let evil = "\"><script>alert(1)</script>'&";
        let media = |kind: &str| json!({ "kind": kind, "title": evil, "thumbnail": { "url": evil }, "files": [{ "url": evil, "missingSince": null }] });
        let shown = Shown {
            name: evil.to_owned(),
            description: Some(evil.to_owned()),
            items: ["VIDEO", "IMAGE", "AUDIO"].map(media).to_vec(),
            next: Some(evil.to_owned()),
        };
        for page in [of(&shown, false).0, of(&shown, true).0, closed(evil).0] {
            assert!(!page.contains("<script") && !page.contains("\">alert"), "{page}");
            assert!(page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
        }
    }
}
