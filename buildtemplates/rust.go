package buildtemplates

import "github.com/lambkin-dev/lambkin/bootstrap"

// cargoScript compiles the package and takes its program: the only one, or the one that the handler names.
const cargoScript = `if [ ! -f Cargo.toml ]; then
  fail "there is no Cargo.toml in this folder: set the source's path"
fi
export CARGO_TARGET_DIR="$HOME/target" CARGO_TERM_COLOR=never
locked=--locked
if [ ! -f Cargo.lock ] && [ ! -f ../Cargo.lock ]; then
  echo "WARNING: there is no Cargo.lock, so the same source may give other versions the next time: run 'cargo generate-lockfile' and commit it" >&2
  locked=
fi
cargo --version
cargo install --path . --root "$HOME/programs" --no-track --force $locked
set -- "$HOME"/programs/bin/*
if [ $# != 1 ]; then
  set -- "$HOME/programs/bin/$HANDLER"
fi
if [ ! -x "$1" ]; then
  fail "the package has several programs, and none of them is named $HANDLER as the handler"
fi
cp "$1" "$OUTPUT/bootstrap"
ls -l "$OUTPUT/bootstrap"
`

// rust are Rust programs, which are their own client. Base and build image have the same C library.
func rust() family {
	return family{
		name: Rust, newest: "provided.al2023",
		recipe: recipe{script: cargoScript, elsewhere: true, caches: map[string]string{"CARGO_HOME": "cargo"}},
		images: func(bootstrap.Runtime) images {
			return images{base: "gcr.io/distroless/cc-debian12:nonroot", build: "docker.io/library/rust:1-bookworm"}
		},
	}
}
