//! The page `/docs`: the OpenAPI document and the error catalogue as plain HTML, no script, no assets.

use std::fmt::Write;

use qenex_types::ErrorCode;
use serde_json::Value;

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>QENEX bank API</title><style>\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
code{background:#eee;padding:0 .2em}table{border-collapse:collapse;width:100%}\
td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;vertical-align:top}\
</style><h1>QENEX bank API</h1>\
<p>Machine-readable: <a href=\"/api/v1/openapi.json\">openapi.json</a>. \
Send the API key as <code>Authorization: Bearer KEY</code>.</p>";

/// The page for an OpenAPI document.
pub(crate) fn page(document: &Value) -> String {
    let mut html = HEAD.to_owned();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let method = method.to_ascii_uppercase();
            section(&mut html, &format!("<code>{method} {}</code>", escape(path)), "h2");
            for field in ["summary", "description"] {
                paragraph(&mut html, operation[field].as_str().unwrap_or_default());
            }
            rows(&mut html, "Parameters", &operation["parameters"]);
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if let Some(schema) = schema(document, body) {
                properties(&mut html, "Body", schema);
            }
            responses(&mut html, document, &operation["responses"]);
        }
    }
    section(&mut html, "Errors", "h2");
    html.push_str("<table><tr><th>number<th>code<th>status<th>meaning");
    for code in ErrorCode::ALL {
        let (number, status, text) = (code.number(), code.http_status(), escape(code.text()));
        // Writing to a string does not fail.
        let _ = write!(html, "<tr><td>{number}<td><code>{code}</code><td>{status}<td>{text}");
    }
    html.push_str("</table>");
    html
}

fn section(html: &mut String, title: &str, level: &str) {
    let _ = write!(html, "<{level}>{title}</{level}>");
}

fn paragraph(html: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = write!(html, "<p>{}</p>", escape(text));
    }
}

fn rows(html: &mut String, title: &str, parameters: &Value) {
    let Some(parameters) = parameters.as_array() else { return };
    section(html, title, "h3");
    html.push_str("<table>");
    for parameter in parameters {
        let [name, place, text] = ["name", "in", "description"]
            .map(|field| escape(parameter[field].as_str().unwrap_or_default()));
        let _ = write!(html, "<tr><td><code>{name}</code><td>{place}<td>{text}");
    }
    html.push_str("</table>");
}

/// The schema that a reference points at.
fn schema<'a>(document: &'a Value, reference: &Value) -> Option<&'a Value> {
    document.pointer(reference["$ref"].as_str()?.strip_prefix('#')?)
}

fn properties(html: &mut String, title: &str, schema: &Value) {
    section(html, title, "h3");
    html.push_str("<table>");
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let need = if required.iter().any(|r| *r == name) { "always" } else { "optional" };
        let text = escape(property["description"].as_str().unwrap_or_default());
        let _ = write!(html, "<tr><td><code>{}</code><td>{need}<td>{text}", escape(name));
    }
    html.push_str("</table>");
}

fn responses(html: &mut String, document: &Value, responses: &Value) {
    section(html, "Answers", "h3");
    html.push_str("<table>");
    let mut first = None;
    for (status, response) in responses.as_object().into_iter().flatten() {
        let text = escape(response["description"].as_str().unwrap_or_default());
        let _ = write!(html, "<tr><td>{}<td>{text}", escape(status));
        let body = &response["content"]["application/json"]["schema"];
        first = first.or_else(|| schema(document, body));
    }
    html.push_str("</table>");
    if let Some(schema) = first {
        properties(html, "Answer", schema);
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_path_and_error_and_loads_nothing() {
        let document = serde_json::from_str(&crate::openapi_json().unwrap()).unwrap();
        let html = page(&document);
        for part in ["POST /api/v1/transactions", "end_to_end_id", "InsufficientFunds"] {
            assert!(html.contains(part), "{part}");
        }
        for part in ["<script", "src=", "http://", "https://"] {
            assert!(!html.contains(part), "{part}");
        }
        assert_eq!(escape("<a b=\"c\">&"), "&lt;a b=&quot;c&quot;&gt;&amp;");
    }
}
