//! The sandbox of another's program: it reads the system and itself, writes into its folder alone, connects to one port, and
//! can neither signal nor watch anybody. Unlike a worker's sandbox every layer must hold, or the program is not started.
//!
//! Landlock says which files and which port; what it does not see is seccomp's: other kinds of sockets, connections that
//! begin by sending, modes and owners of files, signals, and leaving the group of processes that the keeper ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr,
    path_beneath_rules,
};
use media_proto::foreign::Foreign;
use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// How far behind everything else it stands.
const NICENESS: i32 = 10;
/// How many descriptors one of its processes may have.
const MAX_OPEN: u64 = 512;
/// How many processes and threads its account may have in all: only a flood is stopped, for the server's count as well.
const MAX_PROCESSES: u64 = 8192;
/// The longest first line of a script.
const MAX_SCRIPT_LINE: usize = 256;

/// What is read and started of the system.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
];

/// What is read of the system's settings: libraries, certificates, the time zone and types of files; nothing with a secret.
const SETTINGS: &[&str] = &[
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/ssl",
    "/etc/timezone",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
];

/// Shuts this process, and what it becomes, in.
pub fn enter(order: &Foreign) -> anyhow::Result<()> {
    // Nobody else on the machine may change what it makes.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let _ = rustix::process::setpriority_process(None, NICENESS);
    // The first to go when memory is short; a container may forbid to say so.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    limit(order)?;
    rustix::thread::set_no_new_privs(true).context("forbidding new privileges")?;
    shut_files_and_network(order).context("this kernel's Landlock cannot hold another's program; Linux 6.7 can")?;
    // Even the superuser's program has no more rights than any account.
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none).context("giving up capabilities")?;
    filter_system_calls().context("this kernel's seccomp cannot hold another's program")
}

fn limit(order: &Foreign) -> anyhow::Result<()> {
    let limits = [
        (Resource::Core, 0),
        (Resource::Cpu, order.max_cpu_s),
        // Not the address space, of which interpreters reserve more than any limit that would still protect.
        (Resource::Data, order.max_memory),
        (Resource::Fsize, order.max_file_bytes),
        (Resource::Nofile, MAX_OPEN),
        (Resource::Nproc, MAX_PROCESSES),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    for (resource, wanted) in limits {
        let most = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let both = Rlimit {
            current: Some(wanted.min(most)),
            maximum: Some(wanted.min(most)),
        };
        rustix::process::setrlimit(resource, both).with_context(|| format!("setting {resource:?} to {wanted}"))?;
    }
    Ok(())
}

fn shut_files_and_network(order: &Foreign) -> anyhow::Result<()> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let own = program_files(Path::new(&order.program));
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V3))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read | AccessFs::Execute))?
        .add_rules(path_beneath_rules(own, read | AccessFs::Execute))?
        .add_rules(path_beneath_rules(SETTINGS, read))?
        .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([&order.folder], AccessFs::from_all(ABI::V3)))?;
    if order.port != 0 {
        rules = rules.add_rule(NetPort::new(order.port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()?;
    Ok(())
}

/// What a program outside of the system's folders needs of itself: its file, or, where it lies in a `bin`, that and the
/// libraries beside; the same for the interpreter of a script. A virtual environment of Python consists of these.
fn program_files(program: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut open = vec![program.to_owned()];
    while let Some(path) = open.pop() {
        for place in [Some(path.clone()), path.canonicalize().ok()].into_iter().flatten() {
            if files.contains(&place) {
                continue;
            }
            if let Some(bin) = place.parent().filter(|parent| parent.ends_with("bin")) {
                let prefix = bin.parent().unwrap_or(bin);
                files.extend(["bin", "lib", "lib64", "pyvenv.cfg"].map(|name| prefix.join(name)));
            }
            files.insert(place);
        }
        open.extend(interpreter(&path).filter(|found| !files.contains(found)));
    }
    files
}

/// Who reads a script, by its first line.
fn interpreter(script: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut first = Vec::new();
    let file = std::fs::File::open(script).ok()?;
    file.take(MAX_SCRIPT_LINE as u64).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = std::str::from_utf8(line).ok()?.split_ascii_whitespace().next()?;
    Some(PathBuf::from(name))
}

/// Refuses what Landlock does not see.
fn filter_system_calls() -> anyhow::Result<()> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    // The same calls under the numbers of the x32 interface, which a rule of the plain number does not meet.
    #[cfg(target_arch = "x86_64")]
    refused.extend(
        REFUSED
            .iter()
            .chain(CONDITIONAL)
            .chain(PRETENDED)
            .map(|&call| (call | 0x4000_0000, Vec::new())),
    );
    refused.insert(libc::SYS_socket, foreign_sockets()?);
    // TCP Fast Open connects by sending, which Landlock of several kernels does not see.
    refused.insert(libc::SYS_sendto, any([masked(3, libc::MSG_FASTOPEN)?])?);
    refused.insert(libc::SYS_sendmsg, any([masked(2, libc::MSG_FASTOPEN)?])?);
    refused.insert(libc::SYS_sendmmsg, any([masked(3, libc::MSG_FASTOPEN)?])?);
    // Limits of oneself may be read and lowered.
    refused.insert(libc::SYS_prlimit64, any([compare(0, SeccompCmpOp::Ne, 0)?])?);
    let spaces = NAMESPACES.iter().map(|&flag| masked(0, flag));
    refused.insert(libc::SYS_clone, any(spaces.collect::<Result<Vec<_>, _>>()?)?);
    install(refused, libc::EPERM as u32)?;
    // The C library tries clone3 first, whose flags a filter cannot see, and falls back to clone.
    install(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS as u32)?;
    // Programs set modes and times of what they have made, and give up where that fails: they are told that it was done.
    install(PRETENDED.iter().map(|&call| (call, Vec::new())).collect(), 0)
}

fn install(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: u32) -> anyhow::Result<()> {
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch)?.try_into()?;
    seccompiler::apply_filter(&filter).context("installing a filter of system calls")
}

/// All sockets but TCP over IPv4 and IPv6.
fn foreign_sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let is_not = |argument: u8, value: i32| compare(argument, SeccompCmpOp::Ne, value);
    let mut rules = vec![
        SeccompRule::new(vec![is_not(0, libc::AF_INET)?, is_not(0, libc::AF_INET6)?])?,
        SeccompRule::new(vec![is_not(2, 0)?, is_not(2, libc::IPPROTO_TCP)?])?,
    ];
    // Flags stand above the kind.
    for kind in (0..16).filter(|kind| *kind != libc::SOCK_STREAM) {
        let is_kind = compare(1, SeccompCmpOp::MaskedEq(0xf), kind)?;
        rules.push(SeccompRule::new(vec![is_kind])?);
    }
    Ok(rules)
}

fn compare(argument: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        operator,
        u64::from(value.unsigned_abs()),
    )
}

fn masked(argument: u8, flag: i32) -> Result<SeccompCondition, BackendError> {
    let flag = u64::from(flag as u32);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(flag), flag)
}

fn any(conditions: impl IntoIterator<Item = SeccompCondition>) -> Result<Vec<SeccompRule>, BackendError> {
    conditions
        .into_iter()
        .map(|condition| SeccompRule::new(vec![condition]))
        .collect()
}

const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// Refused by their arguments.
const CONDITIONAL: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_prlimit64,
];

const REFUSED: &[i64] = &[
    // Leaving the group that the keeper ends.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Signals and other processes.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_getfd,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    // What is shared with others by a number.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // Attributes of files, which may carry rights.
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_mknodat,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_init,
    // Sockets and connections past the filter of calls.
    libc::SYS_io_uring_setup,
    // The system.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Landlock lets modes, owners and times be changed of all that can be seen.
const PRETENDED: &[i64] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];
