"""Chooses by each of its arguments, and says each choice on a line of its own: made by the MAKER, and for what."""
import os
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[3] / 'hooks' / 'python'))
from fttcp_choose import choose

MAKER = os.environ.get('MAKER', 'made')

for name in sys.argv[1:]:
    value = choose(name, lambda: 'x' * 65537 if name == 'too much' else f'{MAKER} for {name}')
    print(value if isinstance(value, str) else value.decode(), flush=True)
