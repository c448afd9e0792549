//! A worker's sandbox: everything it does not need is taken away before it sees the first untrusted byte.
//!
//! The order matters and is kept: descriptors, standard error, niceness, limits, out-of-memory score (which an
//! undumpable process may no longer write), parent death, dumpability, privileges, Landlock, seccomp. A layer that this
//! kernel lacks is reported, not fatal: in a container without Landlock seccomp still stands, and the other way round.
//!
//! A hardware worker reads no untrusted bytes, but its drivers open devices and load libraries whenever they like: its
//! sandbox lets it read files and talk to devices, and neither write files, nor reach the network, nor start programs.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use anyhow::{Context, ensure};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};
use media_proto::message::{Layer, Scheduling, Spawn};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::sys;

/// The sandbox that stands, and the one thing left inside: the socket to the server.
pub struct Sandbox {
    /// The worker's socket.
    pub socket: OwnedFd,
    /// Layers that hold.
    pub layers: Vec<Layer>,
    /// What this system lacks, as sentences for an administrator.
    pub warnings: Vec<String>,
}

/// Shuts this process in. `parent` is the zygote's process id.
pub fn enter(spawn: &Spawn, parent: i32, null: OwnedFd, errors: OwnedFd, socket: OwnedFd) -> anyhow::Result<Sandbox> {
    let (socket, _) = sys::keep_only(null, errors, socket).context("closing inherited descriptors")?;
    let mut sandbox = Sandbox {
        socket,
        layers: vec![Layer::ClosedDescriptors],
        warnings: Vec::new(),
    };
    let wanted = |layer: Layer| !(spawn.faults && spawn.without.contains(&layer));

    sys::share_heaps();
    if spawn.scheduling == Scheduling::Idle
        && let Err(error) = sys::schedule_idle()
    {
        let text = format!("background work cannot be given the lowest priority and may slow the machine: {error}");
        sandbox.warnings.push(text);
    }
    let limits = [
        (Resource::As, spawn.limits.memory),
        (Resource::Nofile, 64),
        (Resource::Core, 0),
        (Resource::Fsize, spawn.limits.out_bytes),
    ];
    sandbox.note(Layer::ResourceLimits, set_limits(&limits));
    sandbox.give_up_rights(spawn);
    sandbox.note(Layer::ParentDeath, die_with_parent(parent));
    if wanted(Layer::Landlock) {
        let landlock = shut_files_and_network();
        sandbox.note_landlock(landlock);
    }
    if wanted(Layer::Seccomp) {
        let seccomp = filter_system_calls();
        sandbox.note(Layer::Seccomp, seccomp);
    }
    ensure!(
        spawn.faults || sandbox.layers.contains(&Layer::Landlock) || sandbox.layers.contains(&Layer::Seccomp),
        "this system offers neither Landlock nor seccomp, so untrusted files cannot be opened safely: {}",
        sandbox.warnings.join("; ")
    );
    Ok(sandbox)
}

/// Shuts this process in, as far as drivers bear it. It asked to die with its parent before.
pub fn enter_with_devices(spawn: &Spawn, socket: OwnedFd) -> anyhow::Result<Sandbox> {
    let mut sandbox = Sandbox {
        socket,
        // It is a program of its own, so nothing was inherited but its standard streams.
        layers: vec![Layer::ClosedDescriptors, Layer::ParentDeath],
        warnings: Vec::new(),
    };
    let wanted = |layer: Layer| !(spawn.faults && spawn.without.contains(&layer));
    // Drivers reserve more address space than any limit that would still protect, and their trials take no input.
    let limits = [
        (Resource::Nofile, 1024),
        (Resource::Core, 0),
        (Resource::Fsize, spawn.limits.out_bytes),
    ];
    sandbox.note(Layer::ResourceLimits, set_limits(&limits));
    sandbox.give_up_rights(spawn);
    if wanted(Layer::Landlock) {
        let landlock = leave_devices();
        sandbox.note_landlock(landlock);
    }
    if wanted(Layer::Seccomp) {
        let seccomp = refuse_system_calls();
        sandbox.note(Layer::Seccomp, seccomp);
    }
    Ok(sandbox)
}

impl Sandbox {
    /// What every worker gives up, before anything that could forbid giving it up.
    fn give_up_rights(&mut self, spawn: &Spawn) {
        sys::ignore_file_size_signal();
        media_av::facts::limit_allocation(spawn.limits.allocation);
        let oom = std::fs::write("/proc/self/oom_score_adj", "1000").context("writing /proc/self/oom_score_adj");
        self.note(Layer::OomScore, oom);
        let dumpable =
            rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).context("clearing dumpable");
        self.note(Layer::NotDumpable, dumpable);
        let privileges = rustix::thread::set_no_new_privs(true).context("forbidding new privileges");
        self.note(Layer::NoNewPrivileges, privileges);
    }

    fn note(&mut self, layer: Layer, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.layers.push(layer),
            Err(error) => self
                .warnings
                .push(format!("sandbox layer `{}` is missing: {error:#}", layer.name())),
        }
    }

    fn note_landlock(&mut self, result: anyhow::Result<RulesetStatus>) {
        match result {
            Ok(RulesetStatus::FullyEnforced) => self.layers.push(Layer::Landlock),
            Ok(RulesetStatus::PartiallyEnforced) => {
                self.layers.push(Layer::Landlock);
                let text =
                    "Landlock of this kernel is older than 6.7 and leaves TCP to seccomp; a newer kernel adds it";
                self.warnings.push(text.to_owned());
            }
            Ok(RulesetStatus::NotEnforced) => {
                let text = "this kernel or container offers no Landlock, so seccomp alone guards files and network";
                self.warnings.push(text.to_owned());
            }
            Err(error) => self.note(Layer::Landlock, Err(error)),
        }
    }
}

fn set_limits(limits: &[(Resource, u64)]) -> anyhow::Result<()> {
    for &(resource, value) in limits {
        let both = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        rustix::process::setrlimit(resource, both).with_context(|| format!("setting {resource:?} to {value}"))?;
    }
    Ok(())
}

fn die_with_parent(parent: i32) -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).context("asking to die with the parent")?;
    // The parent may have died before the request: then nobody would ever send the signal.
    let now = rustix::process::getppid().map(rustix::process::Pid::as_raw_pid);
    if now != Some(parent) {
        std::process::exit(0);
    }
    Ok(())
}

fn shut_files_and_network() -> anyhow::Result<RulesetStatus> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// Files can be read and devices used; nothing can be written, and no TCP port reached.
fn leave_devices() -> anyhow::Result<RulesetStatus> {
    // Reading includes loading: drivers are libraries. Starting a program is another right, which nobody gets.
    let everywhere = path_beneath_rules(["/"], AccessFs::ReadFile | AccessFs::ReadDir);
    let devices = AccessFs::from_file(ABI::V5) | AccessFs::IoctlDev;
    let nodes: Vec<String> = std::fs::read_dir("/dev")
        .context("listing /dev")?
        .filter_map(|entry| Some(format!("/dev/{}", entry.ok()?.file_name().to_str()?)))
        .filter(|path| DEVICES.iter().any(|device| path.starts_with(device)))
        .collect();
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .create()?
        .add_rules(everywhere)?
        .add_rules(path_beneath_rules(nodes, devices))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// Where GPUs and codec chips are: Intel and AMD, NVIDIA, V4L2, AMD compute, Rockchip, memory shared between devices.
const DEVICES: &[&str] = &[
    "/dev/dri",
    "/dev/nvidia",
    "/dev/video",
    "/dev/media",
    "/dev/kfd",
    "/dev/mpp",
    "/dev/rga",
    "/dev/dma_heap",
    "/dev/null",
];

/// Refuses what no driver needs and every intruder wants: programs, processes, sockets, other processes.
fn refuse_system_calls() -> anyhow::Result<()> {
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend([libc::SYS_fork, libc::SYS_vfork].map(|call| (call, Vec::new())));
    rules.insert(libc::SYS_clone, only(masked(0, libc::CLONE_THREAD, 0)?)?);
    let elsewhere = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Ne,
        u64::from(std::process::id()),
    )?;
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        rules.insert(call, only(elsewhere.clone())?);
    }
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()?;
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    let no_clone3: BpfProgram = SeccompFilter::new(clone3, SeccompAction::Allow, missing, arch)?.try_into()?;
    seccompiler::apply_filter(&no_clone3).context("installing the clone3 filter")?;
    seccompiler::apply_filter(&filter).context("installing the system call filter")?;
    Ok(())
}

/// Closes the file system to every thread of this process, those of drivers included. What they have opened stays open.
pub fn shut_files() -> anyhow::Result<()> {
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = PATHS.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend(
        [
            libc::SYS_open,
            libc::SYS_creat,
            libc::SYS_stat,
            libc::SYS_lstat,
            libc::SYS_access,
            libc::SYS_readlink,
            libc::SYS_unlink,
            libc::SYS_rename,
            libc::SYS_mkdir,
            libc::SYS_rmdir,
            libc::SYS_link,
            libc::SYS_symlink,
            libc::SYS_mknod,
            libc::SYS_chmod,
            libc::SYS_chown,
        ]
        .map(|call| (call, Vec::new())),
    );
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()?;
    seccompiler::apply_filter_all_threads(&filter).context("closing the file system")
}

/// What reaches files by their paths.
const PATHS: &[i64] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mknodat,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_inotify_add_watch,
    libc::SYS_fanotify_mark,
];

const REFUSED: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_tkill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
];

/// Allows the calls that demuxers, decoders and encoders make with what they already hold, and no other.
fn filter_system_calls() -> anyhow::Result<()> {
    let arch = std::env::consts::ARCH.try_into().context("seccomp on this processor")?;
    let refused = |errno: i32| SeccompAction::Errno(errno as u32);

    // glibc tries clone3 first, whose flags a filter cannot see; "not implemented" makes it fall back to clone.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let no_clone3: BpfProgram =
        SeccompFilter::new(clone3, SeccompAction::Allow, refused(libc::ENOSYS), arch)?.try_into()?;
    let filter: BpfProgram =
        SeccompFilter::new(allowed_calls()?, refused(libc::EPERM), SeccompAction::Allow, arch)?.try_into()?;
    // Where several filters refuse a call, the number of the one installed last counts: so clone3 passes the list.
    seccompiler::apply_filter(&no_clone3).context("installing the clone3 filter")?;
    seccompiler::apply_filter(&filter).context("installing the system call filter")?;
    Ok(())
}

fn allowed_calls() -> anyhow::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend([libc::SYS_poll, libc::SYS_time].map(|call| (call, Vec::new())));

    let own_pid = u64::from(std::process::id());

    // Threads, never processes.
    rules.insert(
        libc::SYS_clone,
        only(masked(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?)?,
    );
    rules.insert(libc::SYS_prctl, only(is(0, libc::PR_SET_NAME as u64)?)?);
    // Only to read a limit: the pointer to a new one is null.
    let no_new_limit = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, only(no_new_limit)?);
    // abort() signals its own thread.
    rules.insert(libc::SYS_tgkill, only(is(0, own_pid)?)?);
    // fstat() of a descriptor is spelled so; with this flag and our lack of files no path can be looked at.
    rules.insert(
        libc::SYS_newfstatat,
        only(masked(3, libc::AT_EMPTY_PATH, libc::AT_EMPTY_PATH)?)?,
    );
    // No code is made at run time.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, only(masked(2, libc::PROT_EXEC, 0)?)?);
    }
    let commands = [
        libc::F_GETFD,
        libc::F_GETFL,
        libc::F_GET_SEALS,
        libc::F_ADD_SEALS,
        libc::F_DUPFD_CLOEXEC,
    ];
    let commands = commands
        .into_iter()
        .map(|command| SeccompRule::new(vec![is(1, command as u64)?]));
    rules.insert(libc::SYS_fcntl, commands.collect::<Result<_, _>>()?);
    Ok(rules)
}

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

fn only(condition: SeccompCondition) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    Ok(vec![SeccompRule::new(vec![condition])?])
}

fn is(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: i32, value: i32) -> Condition {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(mask as u64),
        value as u64,
    )
}

const ALLOWED: &[i64] = &[
    // Descriptors that are already open, and memory files.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_memfd_create,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_ppoll,
    // Memory.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // Threads and waiting.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_set_tid_address,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_membarrier,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals to ourselves.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Facts without secrets.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    libc::SYS_getcpu,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];
