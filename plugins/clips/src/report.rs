//! How much room renditions take, for administrators.

use kernel::{error::Failure, sql, store::Store};
use schema::system::contracts::RenditionReport;

/// Reads sums of the renditions' rows.
pub struct Sizes(pub Store);

#[async_trait::async_trait]
impl RenditionReport for Sizes {
    async fn size(&self) -> Result<i64, Failure> {
        // Sums of big integers are decimals on PostgreSQL.
        let text = "select cast(coalesce(sum(n_bytes), 0) as bigint) as n from clip_rendition";
        let rows = sql::rows(self.0.reader(), text, []).await?;
        match rows.first() {
            Some(row) => Ok(row.try_get("", "n")?),
            None => Ok(0),
        }
    }
}
