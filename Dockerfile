# The image of the service. `cargo xtask image` builds it and passes what has no default here; every base has one, and a flag.
ARG BUILDER_IMAGE=rust:1.95-slim-bookworm
ARG ATLAS_IMAGE=arigaio/atlas:1.2.3-community@sha256:d43f072e79dd98554b890fb56d159b14c0a4ccdb8609296da16402d015483cfa
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${ATLAS_IMAGE} AS atlas

# Without the schema, which is read when the service starts: a change of it alone compiles nothing.
FROM ${BUILDER_IMAGE} AS sources
ARG SCHEMA
WORKDIR /sources
COPY . .
RUN [ -n "$SCHEMA" ] || { echo "this Dockerfile is built with: cargo xtask image" >&2; exit 1; }; \
    mkdir /schema; IFS=:; set -- $SCHEMA; IFS=; n=100; \
    if [ $# = 1 ] && [ ! -d "$1" ]; then mv "$1" /schema/schema.sql; else mkdir /schema/schema.sql; for path; do \
        n=$((n + 1)); [ ! -d "$path" ] || path="$path/*.sql"; for file in $path; do mv "$file" "/schema/schema.sql/$n-${file##*/}"; done; done; fi

# The manifests, and an empty program where a target begins: what the dependencies depend on, and nothing else.
FROM sources AS manifests
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/.cargo/*' ! -name main.rs ! -name lib.rs ! -name build.rs \
        ! -path '*/src/bin/*.rs' ! -path '*/tests/*.rs' ! -path '*/examples/*.rs' ! -path '*/benches/*.rs' -delete \
    && find . -type f -name '*.rs' -exec sh -c 'for file; do echo "fn main() { }" > "$file"; done' sh {} +

FROM ${BUILDER_IMAGE} AS builder
ARG PACKAGE
WORKDIR /build
# The dependency layer. BuildKit compares what is copied by its content: it stands until a manifest or the lock file changes.
COPY --from=manifests /sources .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/usr/local/cargo/git \
    cargo build --release --locked --package "$PACKAGE" --package landfall
# The source layer. Files come with their old times, and cargo would take the empty programs for newer.
COPY --from=sources /sources .
ARG BINARY
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/usr/local/cargo/git \
    find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --package "$PACKAGE" --package landfall --bin "$BINARY" --bin landfall \
    && install -D "target/release/$BINARY" /image/app && install -D target/release/landfall /image/landfall \
    && install -d /image/volume

FROM ${BASE_IMAGE} AS runtime
COPY --from=atlas /atlas /usr/local/bin/atlas
# An Atlas that does not run on this base (another C library) fails here, not at the first boot.
RUN ["/usr/local/bin/atlas", "version"]
# A new volume takes the owner of the folder that it is mounted on. 65532 is the field's number for a user without rights.
ARG VOLUME
COPY --from=builder --chown=65532:65532 /image/volume ${VOLUME}
COPY --from=builder /image/landfall /usr/local/bin/landfall
COPY --from=builder /image/app /usr/local/bin/app
WORKDIR /srv
# One file, or a folder of several.
COPY --from=sources /schema/ ./
USER 65532:65532
ARG DB_PATH
ARG PORT
ARG PLANNER
ARG COLUMN_ORDER
ARG FAST_PATH
ARG IGNORE
ENV DB_PATH=${DB_PATH} SCHEMA_PATH=/srv/schema.sql SQLITE_TMPDIR=${VOLUME} LISTEN=0.0.0.0 PORT=${PORT} \
    LANDFALL_PLANNER=${PLANNER} LANDFALL_COLUMN_ORDER=${COLUMN_ORDER} \
    LANDFALL_FAST_PATH=${FAST_PATH} LANDFALL_IGNORE=${IGNORE}
EXPOSE ${PORT}
CMD ["landfall", "start", "--", "app"]
# Last, since they change with every commit.
ARG COMMIT
ARG CREATED
ARG VERSION
ARG SOURCE
ARG SCHEMA_FINGERPRINT
ENV LANDFALL_COMMIT=${COMMIT}
LABEL org.opencontainers.image.revision=${COMMIT} \
      org.opencontainers.image.created=${CREATED} \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.source=${SOURCE} \
      landfall.schema=${SCHEMA_FINGERPRINT}
