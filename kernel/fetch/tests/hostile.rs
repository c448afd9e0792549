//! Addresses by which somebody would have the server talk to itself or its neighbors. None of them reaches the canary.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fetch::{Client, FetchError, Limits};
use kernel::egress::{
    Egress, EgressConfig, EgressError, Resolve,
    target::{Scheme, Target},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const LIMITS: Limits = Limits {
    idle: Duration::from_secs(60),
    max_bytes: 1 << 20,
};

/// Answers names as a hostile domain would: one answer after the other, the last for ever; unknown names are this machine.
#[derive(Default)]
struct Liar {
    answers: HashMap<&'static str, Vec<Vec<IpAddr>>>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Liar {
    fn knows(mut self, name: &'static str, answers: &[&str]) -> Self {
        let read = |text: &&str| {
            text.split(' ')
                .map(|address| address.parse().expect("an address"))
                .collect()
        };
        self.answers.insert(name, answers.iter().map(read).collect());
        self
    }

    fn n_asked(&self, name: &str) -> usize {
        self.asked
            .lock()
            .expect("no test panics with it")
            .get(name)
            .copied()
            .unwrap_or_default()
    }
}

#[async_trait::async_trait]
impl Resolve for Liar {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock().expect("no test panics with it");
        let n = asked.entry(name.to_owned()).or_default();
        *n += 1;
        let known = self.answers.get(name);
        let answer = known.and_then(|answers| answers.get((*n - 1).min(answers.len() - 1)));
        Ok(answer
            .cloned()
            .unwrap_or_else(|| vec!["127.0.0.1".parse().expect("an address")]))
    }
}

/// A listener on every address of this machine that counts who comes.
struct Canary {
    port: u16,
    n_visits: Arc<AtomicUsize>,
}

impl Canary {
    async fn perch() -> Self {
        // Takes IPv4 as well; where there is no IPv6, IPv4 alone.
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.expect("a port"),
        };
        let port = listener.local_addr().expect("bound").port();
        let n_visits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&n_visits);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret")
                    .await;
            }
        });
        Self { port, n_visits }
    }

    fn n_visits(&self) -> usize {
        self.n_visits.load(Ordering::SeqCst)
    }
}

/// Answers each connection by what the path asks for: a redirect, or a short text.
async fn serve(address: &str, redirects: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind(address).await.expect("a port");
    let own = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let Ok(n) = stream.read(&mut request).await else {
                continue;
            };
            let request = String::from_utf8_lossy(&request[..n]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let number = path
                .strip_prefix("/to/")
                .and_then(|number| number.parse::<usize>().ok());
            let answer = match number.and_then(|number| redirects.get(number)) {
                Some(place) => {
                    format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                }
                None => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngood".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    own
}

fn egress(allow: &[String], liar: &Arc<Liar>) -> Arc<Egress> {
    let config = EgressConfig {
        allow: allow.to_vec(),
        connect_seconds: 60,
    };
    let resolver: Arc<dyn Resolve> = Arc::<Liar>::clone(liar);
    Arc::new(Egress::with_resolver(&config, resolver).expect("good rules"))
}

/// What became of an address: nothing else than a refusal counts.
async fn attempt(client: &Client, egress: &Egress, text: &str) -> Result<&'static str, String> {
    let Ok(target) = Target::parse(text) else {
        return Ok("no target");
    };
    let error = match target.scheme() {
        Scheme::Rtsp => match egress.connect(&target).await {
            Ok(_) => return Err("connected".to_owned()),
            Err(error) => FetchError::Egress(error),
        },
        Scheme::Http | Scheme::Https => match client.get(&target, None, LIMITS).await {
            Ok(answer) => {
                return match answer.whole().await {
                    // Relative to the server that redirects, it is a page of that.
                    Ok(body) if body == b"good" => Ok("the server that redirects"),
                    other => Err(format!("answered: {other:?}")),
                };
            }
            Err(error) => error,
        },
    };
    assert!(!error.may_pass(), "{text}: tried again for ever: {error}");
    match error {
        FetchError::Egress(EgressError::Forbidden { .. }) => Ok("a forbidden address"),
        FetchError::Egress(EgressError::Port { .. }) => Ok("a foreign port"),
        FetchError::Redirect(_) => Ok("no target behind a redirect"),
        FetchError::Redirects => Ok("too many redirects"),
        other => Err(other.to_string()),
    }
}

/// Hosts that are this machine or its network, however they are written.
const HOSTS: &str = "127.0.0.1 127.0.0.2 127.1 127.0.1 127.255.255.254 2130706433 017700000001 0177.0.0.1 0177.1 0x7f.0.0.1 \
    0x7f000001 0x7f.1 0X7F.0X0.0X0.0X1 127.0x0.0.01 00000177.0.0.1 0x07f.0.0.01 127.0.0.1. 2130706433. 0x7f000001. 0 0.0.0.0 0x0 \
    00.0.0.0 0.1 localhost LOCALHOST localhost. localhost.. sub.localhost localhost.localdomain ip6-localhost \
    127.0.0.1.nip.io 7f000001.rebind.example spoofed.example.com %31%32%37%2e0%2e0%2e1 %6c%6f%63%61%6c%68%6f%73%74 \
    127%2E0%2E0%2E1 １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 127｡0｡0｡1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u{ad}alhost \
    10.0.0.1 10.255.255.255 10.1 0xa.0.0.1 012.0.0.1 167772161 172.16.0.1 172.31.255.255 0xac.0x10.0.1 192.168.0.1 192.168.257 \
    0xc0.0xa8.0.1 3232235777 169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 100.64.0.1 100.100.100.200 \
    192.0.0.192 198.18.0.1 192.0.2.1 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 192.88.99.1 \
    [::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] \
    [::ffff:7f00:1] [::FFFF:7F00:0001] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:0.0.0.0] [::ffff:10.0.0.1] [::ffff:a9fe:a9fe] \
    [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] \
    [2002:a00:1::1] [2002:a9fe:a9fe::] [2001:0:4136:e378:8000:63bf:3fff:fdd2] [2001::1] [2001:db8::1] [fe80::1] \
    [fe80::1%25lo] [fe80::1%25eth0] [::1%25lo] [fec0::1] [fc00::1] [fd00:ec2::254] [fd12:3456::1] [ff02::1] [ff01::1] [100::1] \
    [5f00::1] [3fff::1] [4000::1] [::ffff:127.1] [::1 ] [127.0.0.1] v6.evil.example mapped.evil.example nat64.evil.example \
    sixtofour.evil.example teredo.evil.example compatible.evil.example metadata.evil.example ten.evil.example zero.evil.example \
    link.evil.example group.evil.example mixed.evil.example xn--fiqs8s.evil.example \
    user@127.0.0.1 user:pass@127.0.0.1 8.8.8.8@127.0.0.1 example.com%40127.0.0.1@127.0.0.1 example.com:80@127.0.0.1 \
    example.com\\@127.0.0.1 127.0.0.1\\@example.com 127.0.0.1%23@127.0.0.1 :@127.0.0.1 @127.0.0.1 a:b:c@127.0.0.1";

/// What is no address of HTTP or RTSP, or leads to a port of another service. `P` is the canary's port.
const WHOLE: &str = "file:///etc/passwd file://127.0.0.1/etc/passwd FILE:///etc/passwd gopher://127.0.0.1:P/_GET%20/ \
    dict://127.0.0.1:P/info ftp://127.0.0.1:P/a sftp://127.0.0.1:P/ ldap://127.0.0.1:P/ tftp://127.0.0.1:P/a ws://127.0.0.1:P/ \
    unix:///run/docker.sock unix:/run/docker.sock http+unix://%2Frun%2Fdocker.sock/info http://unix:/run/docker.sock:/info \
    jar:http://127.0.0.1:P!/a data:text/plain,a javascript:alert(1) rtmp://127.0.0.1:P/live srt://127.0.0.1:P udp://127.0.0.1:P \
    tcp://127.0.0.1:P pipe:0 concat:http://127.0.0.1:P/|a crypto:http://127.0.0.1:P/ subfile,,start,0,end,9,,:/etc/passwd \
    //127.0.0.1:P/ 127.0.0.1:P http: http:/ http:// http://:P/ http:///127.0.0.1:P/ http:127.0.0.1:P/ http:\\\\127.0.0.1:P\\ \
    http:/127.0.0.1:P/ http://127.0.0.1:99999/ http://127.0.0.1:-1/ http://127.0.0.1:/ http://[::1 http://::1:P/ \
    http://1.1.1.1:25/ http://1.1.1.1:6379/ http://1.1.1.1:22/ https://1.1.1.1:11211/ rtsp://1.1.1.1:25/ http://1.1.1.1:3306/ \
    http://0x100000000/ http://256.256.256.256/ http://1.2.3.4.5/ http://127.0.0.1:P\t/ http://\t127.0.0.1:P/ http://127.0.0.1\n:P/ rtsps://127.0.0.1:P/ rtspu://a/";

fn hostile_urls(port: u16) -> Vec<String> {
    let mut urls: Vec<String> = WHOLE
        .split(' ')
        .map(|text| text.trim().replace('P', &port.to_string()))
        .collect();
    for host in HOSTS
        .replace("[::1 ]", "[::1\u{1}]")
        .split(' ')
        .map(str::trim)
        .filter(|host| !host.is_empty())
    {
        for scheme in ["http", "https", "rtsp"] {
            urls.push(format!("{scheme}://{host}:{port}/live"));
        }
    }
    urls
}

#[tokio::test]
async fn no_hostile_address_reaches_the_canary() {
    let canary = Canary::perch().await;
    let liar = Liar::default()
        .knows("v6.evil.example", &["::1"])
        .knows("mapped.evil.example", &["::ffff:127.0.0.1"])
        .knows("nat64.evil.example", &["64:ff9b::7f00:1"])
        .knows("sixtofour.evil.example", &["2002:7f00:1::"])
        .knows("teredo.evil.example", &["2001:0:4136:e378:8000:63bf:3fff:fdd2"])
        .knows("compatible.evil.example", &["::127.0.0.1"])
        .knows("metadata.evil.example", &["169.254.169.254"])
        .knows("ten.evil.example", &["10.0.0.1"])
        .knows("zero.evil.example", &["0.0.0.0"])
        .knows("link.evil.example", &["fe80::1"])
        .knows("group.evil.example", &["ff02::1"])
        .knows("mixed.evil.example", &["8.8.8.8 127.0.0.1"]);
    let liar = Arc::new(liar);
    let urls = hostile_urls(canary.port);

    // Each by itself, then each as where a good server sends us, and that behind a second one.
    let hop = |place: &String| place.replace(['\r', '\n', '\t', '\u{1}'], "");
    let redirector = serve("127.0.0.1:0", urls.iter().map(hop).collect()).await;
    let chain: Vec<String> = (0..urls.len()).map(|n| format!("http://{redirector}/to/{n}")).collect();
    let second = serve("127.0.0.1:0", chain).await;
    let looping = serve("127.0.0.1:0", (1..9).map(|n| format!("/to/{n}")).collect()).await;

    let allow: Vec<String> = [redirector, second, looping].map(|address| address.to_string()).into();
    let guarded = egress(&allow, &liar);
    let client = Client::new(Arc::clone(&guarded));
    let mut outcomes: HashMap<&str, usize> = HashMap::new();
    let mut wrong = Vec::new();
    let redirected = |server: SocketAddr| (0..urls.len()).map(move |n| format!("http://{server}/to/{n}"));
    let all = urls
        .iter()
        .cloned()
        .chain(redirected(redirector))
        .chain(redirected(second));
    let mut n = 0;
    for url in all.chain([format!("http://{looping}/to/0")]) {
        n += 1;
        match attempt(&client, &guarded, &url).await {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(outcome) => wrong.push(format!("{url}: {outcome}")),
        }
    }
    println!("{} urls, {n} attempts: {outcomes:?}", urls.len());
    assert!(urls.len() >= 120, "{}", urls.len());
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(canary.n_visits(), 0);
    assert!(outcomes.contains_key("too many redirects"), "{outcomes:?}");

    // The canary sings when somebody comes, so its silence means something.
    let open = Client::new(egress(&["127.0.0.0/8".to_owned()], &liar));
    let target = Target::parse(&format!("http://anything.example:{}/", canary.port)).expect("a target");
    let answer = open.get(&target, None, LIMITS).await.expect("an answer").whole().await;
    assert_eq!(answer.expect("a body"), b"secret");
    assert_eq!(canary.n_visits(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_asked_once_for_a_connection() {
    let good = serve("127.0.0.2:0", Vec::new()).await;
    // The same port of another address, where nobody may go.
    let canary = TcpListener::bind(("127.0.0.1", good.port()))
        .await
        .expect("the port is free on the other address");
    let liar = Arc::new(Liar::default().knows("rebind.example", &["127.0.0.2", "127.0.0.1"]));
    let guarded = egress(&["127.0.0.2/32".to_owned()], &liar);
    let client = Client::new(Arc::clone(&guarded));
    let target = Target::parse(&format!("http://rebind.example:{}/", good.port())).expect("a target");

    let answer = client
        .get(&target, None, LIMITS)
        .await
        .expect("the first answer is allowed")
        .whole()
        .await;
    assert_eq!(answer.expect("a body"), b"good");
    assert_eq!(
        liar.n_asked("rebind.example"),
        1,
        "what was checked is what was connected to"
    );
    let refused = client
        .get(&target, None, LIMITS)
        .await
        .err()
        .expect("the second answer is not");
    assert!(
        matches!(refused, FetchError::Egress(EgressError::Forbidden { .. })),
        "{refused}"
    );
    assert_eq!(liar.n_asked("rebind.example"), 2);
    let nobody = tokio::time::timeout(Duration::from_millis(50), canary.accept()).await;
    assert!(nobody.is_err(), "somebody came");
}

#[tokio::test]
async fn a_password_goes_to_its_host_alone_and_into_no_text() {
    let heard = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = heard.local_addr().expect("bound").port();
    let first = serve("127.0.0.1:0", vec![format!("http://127.0.0.1:{port}/elsewhere")]).await;
    let request = tokio::spawn(async move {
        let (mut stream, _) = heard.accept().await.expect("somebody comes");
        let mut request = vec![0; 4096];
        let n = stream.read(&mut request).await.expect("a request");
        String::from_utf8_lossy(&request[..n]).to_lowercase()
    });
    let liar = Arc::new(Liar::default());
    let client = Client::new(egress(&["127.0.0.0/8".to_owned()], &liar));
    let target = Target::parse(&format!("http://ann:hunter2@{first}/to/0")).expect("a target");
    let error = client
        .get(&target, None, LIMITS)
        .await
        .err()
        .expect("the second server hangs up")
        .to_string();
    let request = request.await.expect("heard");
    assert!(
        request.starts_with("get /elsewhere") && !request.contains("authorization"),
        "{request}"
    );
    assert!(
        !format!("{error} {error:?} {target:?} {target}").contains("hunter2"),
        "{error}"
    );
}
