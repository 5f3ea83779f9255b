"""Things that look sensitive and are not: numbers, hashes, names of things, words."""

import datetime

import checkdigits as cd
from values import digits, letters

HEX = "0123456789abcdef"


def isbn(r):
    body = "978" + r.choice(["0", "1", "3", "7"]) + digits(r, 8)
    n = body + cd.ean(body)
    return f"{n[:3]}-{n[3]}-{n[4:7]}-{n[7:12]}-{n[12]}" if r.random() < 0.6 else n


def uuid(r):
    return (
        f"{letters(r, 8, HEX)}-{letters(r, 4, HEX)}-4{letters(r, 3, HEX)}-"
        f"{r.choice('89ab')}{letters(r, 3, HEX)}-{letters(r, 12, HEX)}"
    )


def when(r):
    d = datetime.datetime(2019, 1, 1) + datetime.timedelta(seconds=r.randrange(200000000))
    return r.choice(
        [
            d.isoformat() + "Z",
            str(int(d.timestamp())),
            str(int(d.timestamp() * 1000)),
            d.strftime("%Y%m%d%H%M%S"),
            d.strftime("%Y-%m-%d %H:%M:%S.123456"),
        ]
    )


MAKE = {
    "order": lambda r: r.choice(["ORD-", "PO-", "SO", "#", "INV-", "RMA"])
    + digits(r, r.choice([6, 7, 8, 10])),
    "md5": lambda r: letters(r, 32, HEX),
    "sha1": lambda r: letters(r, 40, HEX),
    "sha256": lambda r: letters(r, 64, HEX),
    "short": lambda r: letters(r, 7, HEX),
    "version": lambda r: r.choice(["{}.{}.{}", "v{}.{}.{}", "{}.{}.{}.{}"]).format(
        *(r.randrange(20) for _ in range(4))
    ),
    "isbn": isbn,
    "uuid": uuid,
    "when": when,
    "ups": lambda r: "1Z" + letters(r, 6, "ABCDEFGHX0123456789") + digits(r, 10),
    "track": lambda r: r.choice(
        [
            "SF" + digits(r, 12),
            "YT" + digits(r, 13),
            "RB" + digits(r, 9) + "CN",
            "9400" + digits(r, 18),
        ]
    ),
    "product": lambda r: "-".join(letters(r, 5, "BCDFGHJKMPQRTVWXY2346789") for _ in range(5)),
    "sku": lambda r: letters(r, 3) + "-" + digits(r, 5),
    "doi": lambda r: f"10.{digits(r, 4, '1')}/{letters(r, 5, 'abcdef')}.{digits(r, 6)}",
    "float": lambda r: f"{r.uniform(0, 1000):.9f}",
    "big": lambda r: digits(r, r.choice([8, 9, 11, 12, 14, 20, 24])),
    "colour": lambda r: "#" + letters(r, 6, HEX),
    "port": lambda r: f"localhost:{r.randrange(1024, 65535)}",
    "const": lambda r: r.choice(["0x", ""]) + digits(r, 8),
    "page": lambda r: f"{r.randrange(900)}-{r.randrange(900, 999)}",
    "ean": lambda r: (lambda b: b + cd.ean(b))("69" + digits(r, 10)),
    "range": lambda r: f"{digits(r, 3)}-{digits(r, 4)}",
    "commit": lambda r: letters(r, 40, HEX),
    "pi": lambda r: "3.14159265358979323846264338327950288",
    "score": lambda r: f"{r.randrange(99)}:{r.randrange(99)}",
    "price": lambda r: f"${digits(r, 3)},{digits(r, 3)}.{digits(r, 2)}",
    "law": lambda r: f"Regulation (EU) {r.randrange(2010, 2024)}/{digits(r, 3)}",
    "time": lambda r: f"{r.randrange(24):02d}:{r.randrange(60):02d}",
    "etag": lambda r: '"' + letters(r, 32, HEX) + '"',
    "bytes": lambda r: digits(r, 9) + " bytes",
}

TEMPLATES = """Where is my order {order}? It was shipped last week.
commit {commit}: fix typo in README
md5sum of the file is {md5}, does it match {md5}?
The sha256 digest {sha256} changed after the rebuild.
Upgrade from {version} to {version} broke the build.
ISBN {isbn} is a good book on algorithms.
Cite the book with ISBN {isbn} in APA style.
request_id={uuid} trace failed at {when}
The event happened at {when}, please convert to UTC.
UPS tracking {ups} says delivered.
快递单号{track}到哪了？
The parcel {track} is stuck in customs.
Is the product key {product} for an old game still usable?
SKU {sku} is out of stock, suggest an alternative.
See doi {doi} for the proof.
loss={float} after {big} steps
const PHONE_MAX = {const};  // why this value?
See pages {page} of the novel.
barcode {ean} on the cereal box
git diff {short}..{short} shows nothing
The novel opens with a confidential letter found in an attic.
She kept it secret from her sister until the last chapter.
It is strictly a matter of taste, said the confidential secretary in the play.
The secret garden was locked for ten years.
Our top secret chocolate cake recipe: flour, cocoa, eggs and love.
Access is restricted to members of the chess club.
He smiled: 'That's our little secret.'
这部小说里有一个关于秘密的故事。
机密计算是一种硬件安全技术。
他把这个秘密藏了很多年，读者直到结局才知道。
苹果绝密发布会传闻是真的吗？新闻里这样说。
internal class Foo is not visible outside the assembly
The internal combustion engine has restricted air flow.
The token bucket has a rate of {big} per second.
A password policy requires at least 12 characters.
password must contain a digit and a letter
The secret to good bread is time.
private static final long serialVersionUID = {big}L;
id: {uuid}, parent: {uuid}
cache key {md5}-{short}
color {colour} on {colour} has low contrast
Listening on {port}, pid {const}
The match ended {score} and started at {time}.
The price was {price} per unit.
{law} applies to machinery.
ETag: {etag}
Content-Length: {bytes}
pi is {pi}
phone-like number in code: int x = {range};
The lottery numbers were 4, 8, 15, 16, 23, 42.
订单号：{order}，什么时候发货？
版本 {version} 有什么新功能？
时间戳 {when} 是哪一天？
这本书的ISBN是{isbn}
条形码{ean}对应什么商品？
ID {big} not found in the cache table
job {big} finished in {float} s
flight LH{range} leaves at {time}
mutation rate {float}, generation {big}
serial number {sku}-{big} of the printer
Windows error 0x8007{short}
ticket {order} was closed at {when}
ping 127.0.0.1 and ::1 works, 0.0.0.0 does not
contact noreply@example.com for the sample
user@example.com is the placeholder in the docs
git clone git@github.com:torvalds/linux.git fails
npm install left-pad@1.3.0
@media (max-width: 600px) {{ .a {{ color: {colour} }} }}
call 911 in an emergency
The hotline 12306 sells train tickets in China.
拨打110可以报警，120是急救电话。
Montant : {price}, facture {order}
Bestellnummer {order}, Lieferung am Montag
Pedido {order} enviado el lunes
注文番号 {order} を確認したい
주문번호 {order} 조회해 주세요
Номер заказа {order}, где посылка?
The password field is required.
Confidential Computing Summit 2025 agenda
The Official Secrets Act is a British law.
Restricted Boltzmann machines explained
An unclassified document can be read by all.
Is Victoria's Secret a good brand?
Proprietary software vs open source
TLP is a traffic light protocol; explain its colours.
HIPAA is a US law about health data.
embargo on trade in 1807
秘密研究所というゲームの攻略を教えて
Das geheime Leben der Bäume ist ein Buch.
El secreto de sus ojos es una película.
机密文件这个词用英语怎么说？
绝密543是什么电影？
checksum {big} mismatch in block {const}
matrix [[{float}, {float}], [{float}, {float}]]"""
