"""The same methods from the shell: ``python -m zfnet explain PICTURE --out DIR``.

Every command that makes pictures writes PNG files and a ``result.json``; ``--npz`` adds the arrays behind them. What
went wrong is said in one line on stderr, with exit code 2.
"""

import sys
from collections.abc import Sequence

from zfnet.errors import ZFNetError
from zfnet.shell.options import parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = parser().parse_args(arguments)
    try:
        options.command(options)
    except (ZFNetError, OSError) as error:
        print(f"zfnet: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
