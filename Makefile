# Two commands do everything: `make run` and `make test`. The rest are their parts.
#
#   make run [MEDIA=/path] [DATA=dir] [LISTEN=addr:port]   install, build, start on MEDIA or on a demo library
#   make test                                              everything CI checks, on SQLite and PostgreSQL
#   make build | check | bench | torture | sdl | docs | clean-demo

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run

DATA ?= data
LISTEN ?= 127.0.0.1:8080
MEDIA ?=

BIN := $(or $(CARGO_TARGET_DIR),target)/release/vitagraph
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# What a fresh Debian 12 lacks: FFmpeg's libraries and headers, and what builds the bindings.
BUILD_PACKAGES := clang libclang-dev lld pkg-config ca-certificates curl \
	libavcodec-dev libavformat-dev libavutil-dev libavfilter-dev libswscale-dev libswresample-dev libheif-dev
TEST_PACKAGES := $(BUILD_PACKAGES) postgresql chromium strace ffmpeg mpv mediainfo gstreamer1.0-tools \
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav

.PHONY: run test build web check bench torture sdl docs packages test-packages clean-demo

run: build
	@MEDIA='$(MEDIA)' DATA='$(DATA)' LISTEN='$(LISTEN)' BIN='$(BIN)' ./server/first-run

build: packages web
	@[ -x '$(BIN)' ] || echo "building the server; the first time this takes several minutes"
	@cargo build --release --locked -p server -p media-worker

# The build's last file stands for all of it: unchanged sources must not make a new app, for the server embeds it.
WEB_BUILT := web/dist/playground/index.html.br
WEB_SOURCES := $(shell find web/src web/playground web/public web/scripts web/*.* -type f)

web: $(WEB_BUILT)

$(WEB_BUILT): $(WEB_SOURCES) web/node_modules/.package-lock.json
	@echo "building the web app"
	@cd web && npm run --silent build
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@echo "installing what the web app is built with"
	@cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Installs only what is missing, so that a second run needs neither network nor root.
packages:
	@$(call install,$(BUILD_PACKAGES))

test-packages:
	@$(call install,$(TEST_PACKAGES))

define install
missing=$$({ dpkg-query -W -f '$${Status} $${Package}\n' $(1) 2>/dev/null || true; } | awk '$$3 == "installed" { print $$4 }' \
	| sort | comm -13 - <(printf '%s\n' $(1) | sort) | tr '\n' ' '); \
if [ -n "$${missing// /}" ]; then \
	echo "installing $$missing"; \
	$(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
fi
endef

test: test-packages web
	tests/run

# The quick part of `make test`: formats, lints and types, no tests.
check: packages web
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd web && npm run --silent check && npm run --silent lint

bench: build
	tests/bench/run

# What breaks and what lasts, at full size: kills in scans, renditions and uploads, crowds of subscribers, slow clients, half an hour of work.
torture: test-packages
	@$(call install,slowhttptest curl)
	tests/kill/run
	tests/kill/crowd
	tests/kill/uploads
	tests/kill/slow
	tests/kill/soak

# Rewrites the checked-in SDL from the code.
sdl:
	cargo run --quiet -p server -- schema > schema/schema.graphql.new
	mv schema/schema.graphql.new schema/schema.graphql

# Rewrites the reference pages in docs/ from the code.
docs:
	UPDATE=1 cargo test --quiet --locked -p tests --test it -- reference::the_reference_pages_are_current

clean-demo:
	rm -rf data/demo
