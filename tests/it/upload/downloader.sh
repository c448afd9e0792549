#!/bin/bash
# Behaves as yt-dlp does towards whoever starts it, as far as tests ask: what it does, the page's address says. The marks
# between @ are filled in by the test.
for url; do :; done
proxy=${http_proxy#http://} account=${proxy%@*} host=${proxy#*@} port=${host#*:} host=${host%:*}

# Gets a URL into a file by way of the proxy.
get() {
  exec 3<>"/dev/tcp/$host/$port" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic %s\r\n\r\n' "$1" "$(printf %s "$account" | base64 -w0)" >&3
  read -r -u 3 _ status _
  while IFS= read -r -u 3 line && [ "$line" != $'\r' ]; do :; done
  cat <&3 > "$2"
  exec 3>&-
  [ "$status" = 200 ]
}

name=${url##*/}
case ${name%%\?*} in
good)
  echo 'some words that nobody asked for'
  printf '%s\n' 'vitagraph-title "../../A fine\nfilm \u202e/"'
  get "${url%/good*}/film.mp4" media.mp4.part || exit 1
  echo "vitagraph-bytes $(stat -c %s media.mp4.part) $(stat -c %s media.mp4.part)"
  mv media.mp4.part media.mp4
  # What else lies there is nobody's.
  echo x > ../../escaped.mp4
  ln -s /etc/passwd media.mkv
  mkdir -p a/b/c 'media.d' && echo x > 'a/b/c/ .. '
  chmod 4755 media.mp4
  ;;
inward)
  get "http://@CANARY@/" media.mp4 || { echo 'ERROR: Tunnel connection failed: 403 Forbidden' >&2; exit 1; }
  ;;
nothing)
  echo 'WARNING: nothing is there' >&2
  ;;
broken)
  echo "ERROR: [generic] Unsupported URL: $url" >&2
  exit 1
  ;;
spy)
  won=
  cat '@SECRET@' > media.mp4 2>/dev/null && won="$won read"
  ls '@DATA@' >/dev/null 2>&1 && won="$won list"
  (echo x > '@OUTSIDE@/new') 2>/dev/null && won="$won write"
  (: > '@SECRET@') 2>/dev/null && won="$won truncate"
  ln '@SECRET@' media.mp4 2>/dev/null && won="$won link"
  chmod 777 '@SECRET@' 2>/dev/null
  cat /proc/@PID@/environ >/dev/null 2>&1 && won="$won environment"
  kill -0 @PID@ 2>/dev/null && won="$won signal"
  (exec 4<>/dev/tcp/127.0.0.1/@PORT@) 2>/dev/null && won="$won connect"
  (exec 4<>/dev/udp/127.0.0.1/@PORT@) 2>/dev/null && won="$won datagram"
  setsid true 2>/dev/null && won="$won session"
  env | grep -q -i -E 'postgres|vitagraph_|cargo' && won="$won variables"
  ls /proc/self/fd >/dev/null 2>&1 && won="$won processes"
  echo "ERROR: won:$won." >&2
  exit 1
  ;;
huge)
  echo 'vitagraph-title "huge"'
  cat /dev/zero > media.mp4
  cat /dev/zero > media.mkv
  ;;
hang)
  (while :; do sleep 1000; done) &
  sleep 1000 &
  echo 'vitagraph-title "hanging"'
  echo 'vitagraph-bytes 1 100'
  echo x > media.mp4.part
  wait
  ;;
esac
