//! The worker program by itself. That this test exists also makes `cargo test` build the program the others need.

use std::process::{Command, Stdio};

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of the program by itself")]
fn without_a_server_it_says_so_and_does_nothing() -> std::io::Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_vitagraph-media"))
        .arg("/etc/passwd")
        .stdin(Stdio::null())
        .output()?;
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("started by vitagraph"),
        "{output:?}"
    );
    Ok(())
}
