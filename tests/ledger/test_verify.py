import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiers.ledger import tree, verify
from tiers.ledger.verify import LogInvalid, LogUnchecked, Policy, Unopened, check_note, read_policy, verify_log
from tiers.wire.encoding import b64u
from tiers.wire.errors import Yours
from tiers.wire.keys.jose import SigningKey
from tiers.wire.log import leaf as treaty
from tiers.wire.log.checkpoint import LogKey, LogSigner, PinnedLog, WitnessKey, WitnessSigner, verify_witnessed
from tiers.wire.log.leaf import Seal, encode_leaf, parse_leaf
from tiers.wire.log.merkle import TreeHead
from tiers.wire.log.policy import parse_policy, write_policy

LATER = 1_764_000_060_000


@pytest.fixture
def check(world):
    def check(now: int = LATER, folder: Path | None = None) -> verify.Report:
        policy = Policy(world.signer.key.vkey(), (world.witness_signer.key.vkey(),))
        return verify_log(folder or world.log_folder, policy, now)

    return check


def test_the_verifier_shares_no_code_with_the_ledger():
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(Path(verify.__file__).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name.partition(".")[0] for name in foreign} == {"cryptography"}


@pytest.mark.parametrize("y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 1, verify._ORDER_8])
@pytest.mark.parametrize("sign", [0, 1])
def test_a_log_whose_key_lets_one_signature_fit_everything_is_refused(world, entry, y, sign):
    world.log(entry(0))
    raw = b"\x01" + (y | sign << 255).to_bytes(32, "little")
    key_id = sha256(b"log.example\n" + raw).digest()[:4].hex()
    vkey = f"log.example+{key_id}+{b64encode(raw).decode()}"
    with pytest.raises(LogInvalid, match=r"^log\.vkey"):
        verify_log(world.log_folder, Policy(vkey, (world.witness_signer.key.vkey(),)), LATER)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600])
def test_a_log_of_any_size_verifies_from_its_files(world, entry, check, size):
    world.log(*(entry(n) for n in range(size)))
    report = check()
    assert (report.origin, report.size, report.beyond) == (world.signer.origin, size, 0)
    assert (report.witnesses, report.witnessed_at) == ((world.witness_signer.name,), 1_764_000_000)


def test_it_verifies_after_every_round_of_growth(world, entry, check):
    for size in (1, 3, 254, 256, 300, 513):
        world.log(*(entry(n) for n in range(size)))
        assert check().size == size


def test_entries_that_no_witness_saw_are_counted_and_not_trusted(world, entry, check):
    world.log(entry(0))
    world.witness.down = "before"
    world.store.append([entry(n) for n in range(1, 600)])
    report = check()
    assert (report.size, report.beyond) == (1, 599)


def test_a_seal_past_its_date_is_reported_until_it_is_opened(world, leaf, seal, check):
    world.log(encode_leaf(leaf()))
    party = leaf().party
    assert check(LATER - 1).unopened == ()
    assert check(LATER).unopened == (Unopened(0, party, LATER),)
    opening = leaf(type="seal.opened", open_after=None, ts=LATER, opens=seal.opening(0))
    world.log(encode_leaf(opening))
    report = check(LATER)
    assert (report.opened, report.unopened) == (1, ())


@pytest.mark.parametrize(
    "opens",
    [
        {"jti": "abcdef", "digest": b64u(b"ghi" + b"d" * 32)},
        {"jti": "defghi", "salt": b64u(b"s" * 32 + b"abc")},
        {"jti": "", "digest": b64u(b"abcdefghi" + b"d" * 32)},
        {"jti": "sssabcdefghi", "salt": b64u(b"s" * 29)},
        {"salt": "!!" + b64u(b"s" * 32) + "**"},
        {"salt": b64u(b"s" * 32)[:-1] + "N"},
        {"digest": b64u(b"d" * 32)[:-1] + "R"},
    ],
)
def test_a_seal_opened_to_another_jti_or_digest_or_in_another_spelling_is_caught(world, leaf, check, opens):
    seal = Seal(b"s" * 32, "abcdefghi", b"d" * 32)
    sealed = leaf(commitment=seal.commit())
    opening = leaf(type="seal.opened", open_after=None, ts=LATER, opens=seal.opening(0), commitment=seal.commit())
    changed = json.loads(encode_leaf(opening))
    changed["opens"] |= opens
    assert verify._commitment(changed["opens"]) == seal.commit()
    world.store.append([encode_leaf(sealed), spelled(changed)])
    world.publish()
    with pytest.raises(LogInvalid, match=r"^log\.leaf"):
        check()


@pytest.mark.parametrize("wrong", ["salt", "index", "early", "itself"])
def test_a_seal_opened_wrongly_is_caught(world, leaf, seal, check, wrong):
    other = Seal(b"x" * 32, seal.jti, seal.digest)
    members = {
        "salt": {"opens": other.opening(0)},
        "index": {"opens": seal.opening(7)},
        "early": {"opens": seal.opening(0), "ts": LATER - 1},
        "itself": {"opens": seal.opening(1)},
    }[wrong]
    opening = leaf(**{"type": "seal.opened", "open_after": None, "ts": LATER} | members)
    world.log(encode_leaf(leaf()), encode_leaf(opening))
    with pytest.raises(LogInvalid, match=r"^log\.seal"):
        check()


def test_a_log_that_changes_a_leaf_on_disk_is_caught(world, entry, check):
    world.log(*(entry(n) for n in range(300)))
    bundle = world.log_folder / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"cbi"', b'"ncb"', 1))
    with pytest.raises(LogInvalid, match=r"^log\.root"):
        check()


def test_a_log_that_changes_a_leaf_and_signs_again_is_caught_by_its_tiles(world, entry, check):
    world.log(*(entry(n) for n in range(300)))
    bundle = world.log_folder / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"cbi"', b'"ncb"', 1))
    entries = [world.store.entry(n) for n in range(300)]
    edge, full = tree.grow(tree.Edge(), [verify.sha256(b"\x00" + one).digest() for one in entries])
    tiles = {(tile.name.level, tile.name.n): tile.hashes for tile in full}
    read = tree.hash_reader(lambda level, n: tiles.get((level, n)) or edge.tails[level])
    world.publish(tree.head(300, read))
    with pytest.raises(LogInvalid, match=r"^log\.tile"):
        check()


@pytest.mark.parametrize("level", ["0/000", "1/000.p/1", "0/001.p/44"])
def test_a_tile_that_does_not_fit_the_entries_is_caught(world, entry, check, level):
    world.log(*(entry(n) for n in range(300)))
    tile = world.log_folder / "tile" / level
    data = tile.read_bytes()
    tile.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(LogInvalid, match=r"^log\.tile"):
        check()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("entries/000", b"\0\5alice"),
        ("entries/000", b"\0"),
        ("entries/001.p/44", b"\0\5alice"),
        ("0/000", b"alice".ljust(32)),
        ("0/000", b"a"),
        ("0/001.p/44", b"alice".ljust(32)),
        ("1/000.p/1", b"a"),
    ],
)
def test_more_behind_the_end_of_a_tile_or_bundle_is_caught(world, entry, check, name, more):
    world.log(*(entry(n) for n in range(300)))
    file = world.log_folder / "tile" / name
    file.write_bytes(file.read_bytes() + more)
    with pytest.raises(LogInvalid, match=r"^log\.(entries|tile|file)"):
        check()


def test_where_a_partial_tile_or_bundle_is_gone_the_full_one_starts_with_it(world, entry, check):
    world.log(*(entry(n) for n in range(44)))
    note = world.store.checkpoint()
    world.log(*(entry(n) for n in range(300)))
    world.store.publish(note)
    for level in ("0", "entries"):
        shutil.rmtree(world.log_folder / "tile" / level / "000.p", ignore_errors=True)
    assert (check().size, check().beyond) == (44, 256)


@pytest.mark.parametrize("entries", [[b"{}"], [b'{"a":1}'], [b"[]"], [b"nonsense"], [b'{"type" :"x"}'], [b"1e400"]])
def test_an_entry_that_is_no_leaf_is_caught(world, check, entries):
    world.store.append(entries)
    world.publish()
    with pytest.raises(LogInvalid, match=r"^log\.leaf"):
        check()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"ts":1', b'"ts":"1"'), (b'"cbi"', b"[1]"), (b'"ts":1', b'"sub":"12ab34cd","ts":1'), (b'"ts":1', b'"ts": 1')],
)
def test_a_leaf_of_another_shape_or_spelling_is_caught(world, entry, check, old, new):
    world.store.append([entry().replace(old, new)])
    world.publish()
    with pytest.raises(LogInvalid, match=r"^log\.leaf"):
        check()


def test_a_fact_that_stands_twice_is_caught(world, entry, check):
    world.log(entry(0), entry(1))
    world.store._index.clear()
    world.log(entry(0))
    with pytest.raises(LogInvalid, match=r"^log\.twice"):
        check()


def test_a_checkpoint_by_somebody_else_is_caught(world, entry, check):
    world.log(entry())
    world.publish(signer=LogSigner(world.signer.origin, SigningKey(b"Z" * 32)))
    with pytest.raises(LogInvalid, match=r"^log\.unsigned"):
        check()
    world.publish(signer=LogSigner("tiers.example/ledger/xx", SigningKey(b"L" * 32)))
    with pytest.raises(LogInvalid, match=r"^log\.origin"):
        check()
    world.publish(witness=WitnessSigner(world.witness_signer.name, SigningKey(b"Z" * 32)))
    with pytest.raises(LogInvalid, match=r"^log\.unwitnessed"):
        check()


def test_a_rolled_back_checkpoint_still_verifies_and_says_how_much_lies_beyond(world, entry, check):
    world.log(entry(0))
    old = world.store.checkpoint()
    world.log(entry(1), entry(2))
    world.store.publish(old)
    assert (check().size, check().beyond) == (1, 2)


def test_nothing_is_missing_in_silence(world, entry, check):
    world.log(*(entry(n) for n in range(300)))
    for gone in ("checkpoint", "tile/entries/000", "tile/0/000", "tile/1/000.p/1"):
        path = world.log_folder / gone
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(LogInvalid, match=r"^log\.file"):
            check()
        path.write_bytes(data)
    assert check().size == 300


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(data=st.data())
def test_any_changed_byte_is_caught_or_harmless_and_nothing_else_escapes(world, leaf, seal, check, data):
    if world.store.checkpoint() is None:
        opening = leaf(type="seal.opened", open_after=None, ts=LATER, opens=seal.opening(0))
        world.log(encode_leaf(leaf()), encode_leaf(leaf(agency="ncb")), encode_leaf(opening))
    good = check()
    path = data.draw(st.sampled_from(["checkpoint", "tile/entries/000.p/3", "tile/0/000.p/3"]))
    file = world.log_folder / path
    raw = file.read_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    file.write_bytes(raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + 1 :])
    try:
        with contextlib.suppress(LogInvalid):
            assert check() == good
    finally:
        file.write_bytes(raw)


def test_one_file_of_many_names_is_refused_at_the_second(world, entry, check):
    world.log(*(entry(n) for n in range(256)))
    folder = world.log_folder / "tile/entries"
    for n in range(1, 300):
        os.link(folder / "000", folder / f"{n:03}")
    world.publish(TreeHead(300 * 256, b"r" * 32))
    with pytest.raises(LogInvalid, match=r"^log\.twice"):
        check()


VERIFY, ROOT = [sys.executable, "-m", "tiers.ledger.verify"], Path(verify.__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VERIFY, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )


@pytest.fixture
def pinned(world):
    policy = world.folder / "log.policy"
    policy.write_text(write_policy(world.signer.key.vkey(), {"w1": world.witness_signer.key.vkey()}, 1))
    return ["--policy", str(policy)]


def test_a_sparse_file_of_many_names_does_not_keep_the_verifier_busy(world, entry, pinned):
    world.log(*(entry(n) for n in range(256)))
    folder = world.log_folder / "tile/entries"
    os.truncate(folder / "000", 32 * 1024 * 1024)
    for n in range(1, 1000):
        os.link(folder / "000", folder / f"{n:03}")
    world.publish(TreeHead(1000 * 256, b"r" * 32))
    done = run(str(world.log_folder), *pinned)
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "log.file")


def test_links_that_lead_round_in_a_circle_are_counted_to_an_end(world, entry, pinned):
    world.log(*(entry(n) for n in range(256)))
    folder = world.log_folder / "tile/entries"
    for n in range(1000):
        (folder / f"x{n:03}").symlink_to(".")
        if n > 0:
            (folder / f"{n:03}").symlink_to("000")
    done = run(str(world.log_folder), *pinned)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"appended and not witnessed yet: {verify.MAX_BEYOND * verify.WIDTH}\n" in done.stdout


def test_the_command_says_what_the_log_holds(world, leaf):
    world.log(encode_leaf(leaf()))
    copy = world.folder / "copied elsewhere"
    shutil.copytree(world.log_folder, copy)
    policy = world.folder / "log.policy"
    policy.write_text(write_policy(world.signer.key.vkey(), {"w1": world.witness_signer.key.vkey()}, 1))
    keys = ["--policy", str(policy)]
    done = run(str(copy), *keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tiers.example/ledger/in: 1 leaves, root ")
    assert "leaf 0: spiffe://tiers.example/carrier/in should have opened it" in done.stdout
    with Path("/dev/full").open("w") as full:  # a verdict that nobody can read is none
        unread = subprocess.run([*VERIFY, str(copy), *keys], stdout=full, cwd=ROOT, check=False)
    assert unread.returncode == 3
    (copy / "checkpoint").write_text("")
    done = run(str(copy), *keys)
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "log.checkpoint")
    empty = run(str(world.folder / "nowhere"), *keys)
    assert (empty.returncode, empty.stderr.partition(":")[0]) == (3, "cannot be checked")
    policy.write_text("log and witnesses")
    unpinned = run(str(copy), *keys)
    assert (unpinned.returncode, unpinned.stderr.partition(":")[0]) == (3, "cannot be checked")


def test_what_a_log_says_does_nothing_to_the_terminal(world, entry):
    forged = "spiffe://x\x1b[2J\n\u202eall is well"
    said = {**json.loads(entry(0)), "type": "warrant.served", "open_after": 1, "party": forged}
    world.store.append([json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()])
    world.publish()
    policy = world.folder / "log.policy"
    policy.write_text(write_policy(world.signer.key.vkey(), {"w1": world.witness_signer.key.vkey()}, 1))
    done = run(str(world.log_folder), "--policy", str(policy))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "log.leaf: in leaf 0 the member party is wrong, missing or out of place\n"
    odd = run(str(world.folder / "\x1b[2J\n"), "--policy", str(policy))
    assert (odd.returncode, odd.stderr.count("\n"), "\x1b" in odd.stderr) == (3, 1, False)


AS_SOMEBODY_ELSE = """
import os
from tiers.ledger import verify
if not os.geteuid():
    verify.main()  # loads what nobody else may read
    os.seteuid(65534)
verify.main()
"""


@pytest.mark.parametrize(
    ("closed", "unread"),
    [
        (".", "checkpoint"),
        ("checkpoint", "checkpoint"),
        ("tile", "tile/entries/000.p/3"),
        ("tile/entries", "tile/entries/000.p/3"),
        ("tile/entries/000.p", "tile/entries/000.p/3"),
        ("tile/entries/000.p/3", "tile/entries/000.p/3"),
        ("tile/0", "tile/0/000.p/3"),
    ],
)
@pytest.mark.usefixtures("pinned")
def test_a_log_that_may_not_be_read_cannot_be_checked(world, entry, closed, unread):
    world.log(*(entry(n) for n in range(3)))
    for path in (world.folder, world.log_folder, *world.folder.rglob("*")):
        path.chmod(0o755)
    (world.log_folder / closed).chmod(0)
    command = [sys.executable, "-c", AS_SOMEBODY_ELSE, "log", "--policy", "log.policy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=world.folder)
    (world.log_folder / closed).chmod(0o755)
    assert (done.returncode, done.stderr) == (3, f"cannot be checked: log/{unread} may not be read\n")


VECTORS = json.loads((Path(__file__).parents[1] / "vectors/checkpoints.json").read_text())
NOTES = [pytest.param(one["note"], one["good"], id=one["name"]) for one in VECTORS["vectors"]]


@pytest.mark.parametrize(("note", "good"), NOTES)
def test_parties_and_verifier_read_a_checkpoint_alike(note, good):
    pinned = PinnedLog(
        LogKey.parse(VECTORS["log"]), tuple(map(WitnessKey.parse, VECTORS["witnesses"])), VECTORS["quorum"]
    )
    policy = Policy(VECTORS["log"], tuple(VECTORS["witnesses"]), VECTORS["quorum"])
    for read, refusal in (
        (lambda: verify_witnessed(note, pinned), Yours),
        (lambda: check_note(note, policy), LogInvalid),
    ):
        with contextlib.nullcontext() if good else pytest.raises(refusal):
            read()


@pytest.mark.parametrize("path", ["checkpoint", "tile/entries/000.p/1"])
@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(world, check, entry, path, made):
    world.log(entry(0))
    (world.log_folder / path).unlink()
    made(world.log_folder / path)
    with pytest.raises(LogInvalid, match=r"log\.file"):
        check()


def test_a_fresh_log_cannot_be_checked_yet(world, check):
    with pytest.raises(LogUnchecked):
        check(folder=world.folder / "nowhere")


@pytest.mark.parametrize(
    ("line", "good"),
    [("#a comment", True), ("# a comment", True), ("", True), ("group any w1", False), ("witness w1 {w1}", False)],
)
def test_parties_and_verifier_read_a_policy_alike(world, tmp_path, line, good):
    w1 = world.witness_signer.key.vkey()
    text = write_policy(world.signer.key.vkey(), {"w1": w1}, 1) + line.format(w1=w1) + "\n"
    (tmp_path / "log.policy").write_text(text)
    for read, refusal in (
        (lambda: parse_policy(text), Yours),
        (lambda: read_policy(tmp_path / "log.policy"), LogUnchecked),
    ):
        with contextlib.nullcontext() if good else pytest.raises(refusal):
            read()


@pytest.mark.parametrize(
    "changed",
    [
        {"party": "x"},
        {"type": "\x1b[2J"},
        {"agency": "\u202e"},
        {"ts": -1},
        {"ts": 1 << 53},
        {"type": "grant.released"},
        {"type": "warrant.refused"},
        {"type": "warrant.approved", "open_after": None},
        {"type": "warrant.rejected"},
        {"type": "order.answered"},
        {"type": "loss.recorded"},
        {"type": "task.activated", "open_after": 1},
        {"count": 1},
        {"terms": "A" * 43},
        {"agency": "alice 2100000a"},
        {"agency": "a" * 33},
        {"jurisdiction": "alice"},
        {"detail": "2100000a is the target"},
        {"detail": "target.a2100000"},
        {"detail": "x" * 5000},
        {"commitment": "x"},
        {"commitment": "B" * 43},
        {"type": "warrant.amended"},
        {"type": "warrant.expired\n", "open_after": None},
        {"type": "warrant.refused", "detail": "a.b", "count": 0},
    ],
)
def test_a_leaf_that_no_monitor_could_follow_is_none(world, check, leaf, changed):
    said = json.loads(encode_leaf(leaf())) | changed
    said = spelled({name: value for name, value in said.items() if value is not None})
    world.store.append([said])
    world.publish()
    with pytest.raises(LogInvalid, match=r"log\.leaf"):
        check()
    with pytest.raises(Yours):
        parse_leaf(said)


B64U_32 = ["A" * 43, "-_" * 21 + "8", "B" * 43, "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\n"]
NUMBERS = [1, 0, -1, 2**53 - 1, 2**53, 1.0, True, "1"]
OPENING = {"index": 0, "salt": "A" * 43, "jti": "x", "digest": "A" * 43}
SAID = {
    "type": [*treaty.WRITERS, "warrant.amended", "seal.opened\n", ""],
    "ts": NUMBERS,
    "jurisdiction": ["IN", "in", "IND", "IN\n", ""],
    "agency": ["cbi", "a" * 32, "a" * 33, "2100000a", "a b", "C", "\u0131"],
    "party": ["spiffe://tiers.example/court/in", "spiffe://tiers.example/court", "spiffe://tiers.example/court/a b"],
    "commitment": B64U_32,
    "detail": ["a.b", "a" * 24 + "." + "b" * 39, "a" * 25 + ".b", "a.b" + "b" * 39, "ab", "a.2", "A.b", "a.b\n"],
    "count": NUMBERS,
    "open_after": NUMBERS,
    "opens": [OPENING, {}, "", OPENING | {"x": 1}, {"index": 0}]
    + [OPENING | {"jti": jti} for jti in ["!" * 64, "~" * 65, "", "a b", "\n", "\u0131"]]
    + [OPENING | {"index": index} for index in NUMBERS]
    + [OPENING | {member: text} for member in ("salt", "digest") for text in B64U_32],
    "terms": B64U_32,
}


def spelled(leaf: dict) -> bytes:
    return json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(
    st.sampled_from(sorted(treaty.WRITERS)),
    st.dictionaries(st.sampled_from(sorted(SAID)), st.integers(0, 99), max_size=2),
)
def test_parties_and_verifier_read_a_leaf_alike(kind, drawn):
    must = [name for name, (_, types, _) in verify.MEMBERS.items() if re.fullmatch(types, kind)]
    leaf = {name: SAID[name][0] for name in must} | {"type": kind}
    leaf |= {name: SAID[name][n % len(SAID[name])] for name, n in drawn.items()}
    entry = spelled(leaf)
    try:
        parse_leaf(entry)
    except Yours:
        with pytest.raises(LogInvalid):
            verify._leaf(0, entry)
    else:
        assert verify._leaf(0, entry) == leaf


def test_a_policy_that_counts_a_witness_twice_is_none(world, tmp_path):
    twice = write_policy(world.signer.key.vkey(), dict.fromkeys(("w1", "w2"), world.witness_signer.key.vkey()), 2)
    (tmp_path / "log.policy").write_text(twice)
    with pytest.raises(LogUnchecked):
        read_policy(tmp_path / "log.policy")
