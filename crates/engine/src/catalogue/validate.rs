//! What every product must be, wherever it comes from.

use super::{AttributeValue, Product};

/// Longest id, bytes.
pub const LONGEST_ID: usize = 512;
/// Longest text of one field, bytes: no shop writes more, and a broken feed should not fill the memory.
const LONGEST_TEXT: usize = 1 << 20;
/// Most pictures of one product.
const MOST_IMAGES: usize = 250;
/// Most attributes of one product.
const MOST_ATTRIBUTES: usize = 500;

/// Why something cannot be a product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ProductProblem {
    /// The field at fault.
    pub field: String,
    /// Kebab-case name.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: &'static str,
}

impl Product {
    /// The first field that holds a NUL byte, which neither databases nor pages show.
    pub(crate) fn field_with_nul(&self) -> Option<&'static str> {
        let nul = |text: &str| text.contains('\0');
        let optional = |text: &Option<String>| text.as_deref().is_some_and(nul);
        let in_value = |value: &AttributeValue| match value {
            AttributeValue::Text(text) => nul(text),
            AttributeValue::List(texts) => texts.iter().any(|text| nul(text)),
            AttributeValue::Number(_) | AttributeValue::Flag(_) => false,
        };
        let fields = [
            ("id", nul(&self.id)),
            ("title", nul(&self.title)),
            ("description", nul(&self.description)),
            ("brand", optional(&self.brand)),
            ("category", self.category.iter().any(|step| nul(step))),
            ("group", optional(&self.group)),
            ("link", optional(&self.link)),
            ("gtin", optional(&self.gtin)),
            ("mpn", optional(&self.mpn)),
            ("attributes", self.attributes.iter().any(|(name, value)| nul(name) || in_value(value))),
            ("images", self.images.iter().any(|image| nul(&image.source))),
        ];
        fields.into_iter().find_map(|(field, found)| found.then_some(field))
    }

    /// Checks what serde cannot: lengths, signs, finite numbers.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ProductProblem> {
        let problem = |field: &str, code, reason: String, hint| {
            Err(ProductProblem { field: field.to_owned(), code, reason, hint })
        };
        if self.id.trim().is_empty() {
            return problem("id", "missing-id", "it is empty".into(), "give every product the shop's own identifier");
        }
        if self.id.len() > LONGEST_ID || self.id.chars().any(char::is_control) {
            let reason = format!("it has {} bytes or control characters; {LONGEST_ID} are allowed", self.id.len());
            return problem("id", "bad-id", reason, "use the shop's own short identifier");
        }
        if self.title.trim().is_empty() {
            return problem("title", "missing-title", "it is empty".into(), "say what the product is called");
        }
        for (field, money) in [("price", &self.price), ("sale_price", &self.sale_price)] {
            let Some(money) = money else { continue };
            if money.amount.is_sign_negative() && !money.amount.is_zero() {
                return problem(field, "bad-price", format!("{} is below zero", money.amount), "prices are 0 or more");
            }
            let code = money.currency.as_str();
            if !code.is_empty() && iso_currency::Currency::from_code(code).is_none() {
                let reason = format!("`{}` is not an ISO 4217 code", code.chars().take(20).collect::<String>());
                return problem(field, "bad-currency", reason, "write three capital letters: EUR, USD, CNY");
            }
        }
        let texts = [
            ("title", Some(&self.title)),
            ("description", Some(&self.description)),
            ("brand", self.brand.as_ref()),
            ("group", self.group.as_ref()),
            ("link", self.link.as_ref()),
        ];
        for (field, text) in texts {
            if let Some(text) = text
                && text.len() > LONGEST_TEXT
            {
                let reason = format!("it has {} bytes; {LONGEST_TEXT} are allowed", text.len());
                return problem(field, "too-long", reason, "look whether a quote is missing in the feed");
            }
        }
        if self.images.len() > MOST_IMAGES {
            let reason = format!("there are {}; {MOST_IMAGES} are allowed", self.images.len());
            return problem("images", "too-many-images", reason, "leave the most telling pictures");
        }
        if self.attributes.len() > MOST_ATTRIBUTES {
            let reason = format!("there are {}; {MOST_ATTRIBUTES} are allowed", self.attributes.len());
            return problem("attributes", "too-many-attributes", reason, "leave those shoppers choose by");
        }
        for (name, value) in &self.attributes {
            if matches!(value, AttributeValue::Number(number) if !number.is_finite()) {
                return problem(name, "bad-number", "it is not a finite number".into(), "write a plain number");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Money;

    fn product() -> Product {
        Product { id: "a".into(), title: "A".into(), ..Product::default() }
    }

    #[test]
    fn each_fault_has_its_code_and_field() {
        assert_eq!(product().check(), Ok(()));
        let price = |amount: &str, currency: &str| Product {
            price: Some(Money { amount: amount.parse().unwrap(), currency: currency.into() }),
            ..product()
        };
        let number = [("weight".to_owned(), AttributeValue::Number(f64::NAN))].into();
        for (bad, field, code) in [
            (Product { id: "  ".into(), ..product() }, "id", "missing-id"),
            (Product { id: "x".repeat(513), ..product() }, "id", "bad-id"),
            (Product { id: "a\nb".into(), ..product() }, "id", "bad-id"),
            (Product { title: String::new(), ..product() }, "title", "missing-title"),
            (price("-1", "EUR"), "price", "bad-price"),
            (price("1", "EURO"), "price", "bad-currency"),
            (Product { description: "x".repeat(2 << 20), ..product() }, "description", "too-long"),
            (
                Product { images: vec![crate::catalogue::ImageRef::default(); 251], ..product() },
                "images",
                "too-many-images",
            ),
            (Product { attributes: number, ..product() }, "weight", "bad-number"),
        ] {
            let problem = bad.check().unwrap_err();
            assert_eq!((problem.field.as_str(), problem.code), (field, code));
        }
        assert_eq!(price("0.00", "").check(), Ok(()));
    }
}
