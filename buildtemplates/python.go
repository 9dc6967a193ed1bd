package buildtemplates

import (
	"github.com/lambkin-dev/lambkin/bootstrap"
)

// pipScript installs requirements.txt beside the code, as Lambda wants it. Byte code is left out: it holds times, which
// would make an image of its own of every build.
const pipScript = `if [ ! -f requirements.txt ]; then
  for other in poetry.lock uv.lock Pipfile.lock pdm.lock; do
    if [ -f "$other" ]; then
      fail "$other is not read: export it as requirements.txt and commit that"
    fi
  done
  echo "no requirements.txt: nothing to install"
  exit 0
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONDONTWRITEBYTECODE=1
if grep -Eq '^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]*\])?[[:space:]]*(;|#|$)' requirements.txt; then
  echo "WARNING: requirements.txt names packages without their versions, so the same source may give others the next time" >&2
fi
echo "pip install -r requirements.txt -t ."
python3 -m pip install --no-compile --root-user-action=ignore -r requirements.txt --upgrade -t .
rm -rf bin/__pycache__
`

// python are functions in Python. Our client needs Python 3.9.
func python() family {
	return family{
		name: string(bootstrap.Python), newest: "python3.14", recipe: recipe{script: pipScript, caches: map[string]string{"PIP_CACHE_DIR": "pip"}},
		images: func(r bootstrap.Runtime) images {
			if r.Version == "2.7" {
				return images{} // another language
			}
			return dockerOfficial("python", r, "3.9")
		},
	}
}
