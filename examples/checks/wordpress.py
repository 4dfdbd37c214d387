"""Fills a WordPress with the sample blog, exports it, and checks the lists that the recipe shows.

A MariaDB without network, in a folder of its own, and PHP's own server on 127.0.0.1 run while the check does.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from selectolax.lexbor import LexborHTMLParser

from checks import Cases
from checks.links import Lists, Report, compare, example, hrefs_of, leaks, related, run, title_of, write_files
from checks.posts import Post, key_of, sample_posts

SOURCE = Path("/usr/share/wordpress")
PROGRAMS = ("php", "mariadbd", "mariadb-install-db")
PLACES = {"the_content": "", "shortcode": "[recs_related]", "block": "<!-- wp:recs/related /-->"}
"""By the way in which a list comes onto a page, what the body of each post holds."""
CLOSED = ("draft", "private", "pending", "password", "trash")

CONFIG = """<?php
define( 'DB_NAME', 'wordpress' ); define( 'DB_USER', 'root' ); define( 'DB_PASSWORD', '' );
define( 'DB_HOST', 'localhost:{socket}' ); define( 'DB_CHARSET', 'utf8mb4' ); $table_prefix = 'wp_';
define( 'WP_HOME', '{site}' ); define( 'WP_SITEURL', '{site}' );
define( 'WP_HTTP_BLOCK_EXTERNAL', true ); define( 'DISABLE_WP_CRON', true );
if ( ! defined( 'ABSPATH' ) ) {{ define( 'ABSPATH', __DIR__ . '/' ); }}
require_once ABSPATH . 'wp-settings.php';
"""
INSTALL = """<?php
define( 'WP_INSTALLING', true );
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install( 'Notes', 'admin', 'admin@example.org', true, '', 'secret' );
"""
FILL = """<?php
require __DIR__ . '/wp-load.php';
wp_set_current_user( 1 );
switch_theme( 'check' );
update_option( 'permalink_structure', '/%year%/%postname%/' );
update_option( 'active_plugins', array( 'recs-related.php' ) );
wp_delete_post( 1, true ); wp_delete_post( 2, true );
foreach ( json_decode( file_get_contents( __DIR__ . '/posts.json' ), true ) as $post ) {
	$post_id = wp_insert_post( wp_slash( $post ), true );
	if ( is_wp_error( $post_id ) ) { echo $post_id->get_error_message(); exit( 1 ); }
	if ( isset( $post['trash'] ) ) { wp_trash_post( $post_id ); }
}
flush_rewrite_rules();
"""
EXPORT = """<?php
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/export.php';
export_wp( array( 'content' => 'all' ) );
"""
STATE = """<?php
require __DIR__ . '/wp-load.php';
foreach ( get_posts( array( 'numberposts' => -1, 'post_status' => 'publish', 'has_password' => false ) ) as $post ) {
	$posts[ $post->post_title ] = array( $post->ID, get_permalink( $post ), $post->post_modified_gmt );
}
echo json_encode( $posts );
"""
HIDE = """<?php
require __DIR__ . '/wp-load.php';
wp_update_post( array( 'ID' => $argv[1], 'post_status' => 'draft' ) );
wp_update_post( array( 'ID' => $argv[2], 'post_password' => 'secret' ) );
"""
THEME = """<?php while ( have_posts() ) { the_post(); ?>
<!doctype html><html><head><meta charset="utf-8"><title>.</title>
<meta name="post" content="<?php echo esc_attr( get_post()->post_title ); ?>"></head>
<body><?php the_content(); ?></body></html>
<?php }
"""
ROUTER = """<?php
if ( is_file( __DIR__ . parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) ) ) { return false; }
$_SERVER['SCRIPT_NAME'] = '/index.php';
require __DIR__ . '/index.php';
"""


def cases() -> Cases:
    """Return the checks, if WordPress, PHP and MariaDB are installed."""
    is_here = all(map(shutil.which, PROGRAMS)) and SOURCE.is_dir()
    return {place: partial(check, place=place) for place in PLACES} if is_here else {}


def check(folder: Path, place: str) -> Report:
    """Fill a WordPress in a new folder, and return the report."""
    posts = sample_posts()
    with tempfile.TemporaryDirectory(prefix="recs-db-") as data, _database(Path(data)) as place_of_socket:
        port = _free_port()
        site = f"http://127.0.0.1:{port}"
        _install(folder, site, place_of_socket, posts, PLACES[place])
        before = _state(folder)
        _php(folder, "export.php", output="export.xml")
        uploads = folder / "wp-content/uploads/recs/related.json"
        expected = related("export.xml", "json", str(uploads), cwd=folder)
        with _server(folder, port):
            report = _check_pages(folder, expected, posts)
            if _state(folder) != before:
                report.problems.append("the date of a change of a post is another one")
            report.problems += _hide_two(folder, expected)
    return report


def _install(folder: Path, site: str, database: Path, posts: list[Post], place: str) -> None:
    shutil.copytree(SOURCE, folder, ignore_dangling_symlinks=True)
    (folder / "wp-config.php").unlink()
    records = [_record(post, place, CLOSED[at % len(CLOSED)]) for at, post in enumerate(posts)]
    write_files(
        folder,
        {
            "wp-config.php": CONFIG.format(socket=database, site=site),
            "install.php": INSTALL,
            "fill.php": FILL,
            "export.php": EXPORT,
            "state.php": STATE,
            "hide.php": HIDE,
            "router.php": ROUTER,
            "posts.json": json.dumps(records),
            "wp-content/themes/check/style.css": "/*\nTheme Name: check\n*/",
            "wp-content/themes/check/index.php": THEME,
        },
    )
    shutil.copytree(example("wordpress"), folder / "wp-content/plugins", dirs_exist_ok=True)
    _php(folder, "install.php")
    _php(folder, "fill.php")


def _record(post: Post, place: str, closing: str) -> dict[str, object]:
    """Return the arguments of wp_insert_post; a closed post is closed in one of WordPress' ways."""
    record: dict[str, object] = {
        "post_title": post.title,
        "post_name": post.id,
        "post_content": f"{post.html}\n{place}",
        "post_date": post.date[:19].replace("T", " "),
        "post_status": "publish",
        "tags_input": list(post.tags),
    }
    if post.is_open or post.date > "2026-11-01":  # WordPress makes "future" of a date to come
        return record
    if closing in ("password", "trash"):
        return {**record, "post_password" if closing == "password" else "trash": "secret"}
    return {**record, "post_status": closing}


def _php(folder: Path, script: str, *arguments: str, output: str | None = None) -> str:
    printed = run("php", "-d", "sendmail_path=/bin/true", "-d", "display_errors=stderr", script, *arguments, cwd=folder)
    if output:
        (folder / output).write_text(printed, encoding="utf-8")
    return printed


def _state(folder: Path) -> dict[str, list[str]]:
    """Return id, address and date of change of each public post, by its title."""
    return {key_of(title): state for title, state in json.loads(_php(folder, "state.php")).items()}


def _fetch(url: str) -> LexborHTMLParser:
    try:
        with urlopen(url, timeout=60) as answer:
            return LexborHTMLParser(answer.read())
    except HTTPError as error:
        return LexborHTMLParser(error.read())


def _check_pages(folder: Path, expected: Lists, posts: list[Post]) -> Report:
    pages = {title: _fetch(url) for title, (_, url, _) in _state(folder).items()}
    led = {url: title_of(pages[title]) for title, (_, url, _) in _state(folder).items()}
    report = Report()
    for title, wanted in expected.items():
        report.expected += len(wanted)
        hrefs = hrefs_of(pages[title]) if title in pages else []
        compare(report, title, wanted, [led.get(href) for href in hrefs], hrefs)
        if title in pages and len(pages[title].css(".related")) != 1:
            report.problems.append(f"{title!r} has not one list")
    report.problems += leaks(pages.values(), [post.title for post in posts if not post.is_open])
    return report


def _hide_two(folder: Path, expected: Lists) -> list[str]:
    """Make a post a draft and give another one a password; return where they are still shown."""
    state = _state(folder)
    title = next(title for title, wanted in expected.items() if len(wanted) > 2)
    draft, protected, *others = expected[title]
    _php(folder, "hide.php", str(state[draft][0]), str(state[protected][0]))
    text = node.text() if (node := _fetch(state[title][1]).css_first(".related")) else ""
    shown = [name for name in (draft, protected) if name in text]
    return [f"{name!r} was hidden and is still in a list" for name in shown] + [
        f"{name!r} is gone with another one" for name in others if name not in text
    ]


@contextmanager
def _database(folder: Path) -> Iterator[Path]:
    """Yield the socket of a MariaDB in a folder."""
    data = folder / "data"
    place = folder / "socket"
    user = ("--user=root",) if os.geteuid() == 0 else ()
    run(
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        *user,
        "--auth-root-authentication-method=normal",
        cwd=folder,
    )
    options = ("--no-defaults", f"--datadir={data}", f"--socket={place}", "--skip-networking", *user)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["mariadbd", *options], stdout=log, stderr=log)
        try:
            _wait(place.exists)
            run("mariadb", "--no-defaults", f"--socket={place}", "-e", "CREATE DATABASE wordpress", cwd=folder)
            yield place
        finally:
            server.terminate()
            server.wait(timeout=60)


@contextmanager
def _server(folder: Path, port: int) -> Iterator[None]:
    """Serve the site while the block runs."""
    with (folder / "server.log").open("w") as log:
        command = ["php", "-S", f"127.0.0.1:{port}", "-t", str(folder), str(folder / "router.php")]
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(partial(_answers, port))
            yield
        finally:
            server.terminate()
            server.wait(timeout=60)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readme.html", timeout=5):
            return True
    except (HTTPError, URLError, OSError):
        return False


def _wait(is_ready: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > end:
            raise RuntimeError("a server did not start")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
