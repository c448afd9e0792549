//! Which uploads of this machine are not finished, so that the same command goes on with them.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Mutex, sync::PoisonError};

use anyhow::Context;

/// URLs of unfinished uploads by what is sent where.
pub struct Memory {
    file: PathBuf,
    urls: Mutex<BTreeMap<String, String>>,
}

impl Memory {
    /// Reads `vitagraph/uploads.json` in the user's folder for state.
    ///
    /// # Errors
    /// When there is no such folder and none can be made.
    pub fn open() -> anyhow::Result<Self> {
        let state = std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
        let folder = state
            .or_else(home)
            .context("neither HOME nor XDG_STATE_HOME is set")?
            .join("vitagraph");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let file = folder.join("uploads.json");
        // One that cannot be read costs sending again, nothing else.
        let urls = fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Ok(Self {
            file,
            urls: Mutex::new(urls),
        })
    }

    /// The upload of this file, if one was begun.
    pub fn get(&self, key: &str) -> Option<String> {
        self.urls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    /// Remembers an upload, or forgets it.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn set(&self, key: &str, url: Option<&str>) -> anyhow::Result<()> {
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        match url {
            Some(url) => urls.insert(key.to_owned(), url.to_owned()),
            None => urls.remove(key),
        };
        let new = self.file.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&*urls)?)?;
        fs::rename(&new, &self.file).with_context(|| format!("writing {}", self.file.display()))
    }
}
