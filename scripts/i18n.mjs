// The strings of src/ that are shown to people: extracted into a catalogue, and compared with
// the translations. `node scripts/i18n.mjs` writes the catalogue anew, and into each translation
// what is new, without a translation; `--check` only says what is stale, missing or wrong.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const DOMAIN = 'speccluster_lab';
/** The calls, and how many of their first arguments are texts. */
const CALLS = { __: 1, _n: 2 };
const OWNERS = ['trans', '_trans'];

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    root: { type: 'string', default: '.' }
  }
});
const src = join(values.root, 'src');
const locale = join(values.root, DOMAIN, 'locale');
const wrong = [];

/** The messages: what is looked up, its plural, and where it stands. */
function extract() {
  const found = new Map();
  const files = readdirSync(src, { recursive: true, encoding: 'utf-8' })
    .filter(path => /\.tsx?$/.test(path) && !path.endsWith('.d.ts'))
    .filter(path => !path.split(sep).includes('__tests__'))
    .sort();
  for (const path of files) {
    const file = join(src, path);
    const tree = ts.createSourceFile(
      path,
      readFileSync(file, 'utf-8'),
      ts.ScriptTarget.Latest,
      true
    );
    const visit = node => {
      ts.forEachChild(node, visit);
      if (!ts.isCallExpression(node)) {
        return;
      }
      const { expression, arguments: args } = node;
      if (
        !ts.isPropertyAccessExpression(expression) ||
        !OWNERS.includes(nameOf(expression.expression)) ||
        !/^_/.test(expression.name.text)
      ) {
        return;
      }
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart());
      const place = `${relative(values.root, file).split(sep).join('/')}:${line + 1}`;
      const count = CALLS[expression.name.text];
      const texts = args.slice(0, count);
      if (
        !count ||
        texts.length < count ||
        !texts.every(ts.isStringLiteralLike)
      ) {
        wrong.push(`${place}: not a literal text that can be extracted`);
        return;
      }
      const [id, plural = null] = texts.map(({ text }) => text);
      const known = found.get(id);
      if (known && known.plural !== plural) {
        wrong.push(
          `${place}: ${quote(id)} stands elsewhere with another plural`
        );
      } else if (known) {
        known.places.push(place);
      } else {
        found.set(id, { plural, places: [place] });
      }
    };
    visit(tree);
  }
  return found;
}

function nameOf(node) {
  return ts.isIdentifier(node)
    ? node.text
    : ts.isPropertyAccessExpression(node)
      ? node.name.text
      : null;
}

function quote(text) {
  return JSON.stringify(text);
}

/** As translators' tools read it. No line numbers: they would change with every line of code. */
function catalogue(messages) {
  const head = [
    'msgid ""',
    'msgstr ""',
    '"Content-Type: text/plain; charset=UTF-8\\n"',
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
  ];
  const blocks = [...messages].map(([id, { plural, places }]) => {
    const files = [...new Set(places.map(place => place.split(':')[0]))];
    return [
      `#: ${files.join(' ')}`,
      `msgid ${quote(id)}`,
      ...(plural === null
        ? ['msgstr ""']
        : [`msgid_plural ${quote(plural)}`, 'msgstr[0] ""', 'msgstr[1] ""'])
    ];
  });
  return `${[head, ...blocks].map(lines => lines.join('\n')).join('\n\n')}\n`;
}

function placeholders(text) {
  return [...new Set(text.match(/%\d+/g) ?? [])].sort().join(' ');
}

/** What is wrong with the translation of one message. */
function check(id, plural, translated) {
  const forms = plural === null ? [id] : [id, plural];
  if (!Array.isArray(translated) || translated.length === 0) {
    return 'is not translated';
  }
  if (translated.length !== forms.length) {
    return `has ${translated.length} forms, not ${forms.length}`;
  }
  return translated.every(
    (text, index) => placeholders(text) === placeholders(forms[index])
  )
    ? null
    : 'has other placeholders';
}

function compare(name, messages) {
  const path = join(locale, name, 'LC_MESSAGES', `${DOMAIN}.json`);
  const { '': head, ...known } = JSON.parse(readFileSync(path, 'utf-8'));
  for (const [id, { plural, places }] of messages) {
    const fault = check(id, plural, known[id]);
    if (fault) {
      wrong.push(`${name}: ${quote(id)} (${places[0]}) ${fault}`);
    }
  }
  for (const id of Object.keys(known)) {
    if (!messages.has(id)) {
      wrong.push(`${name}: ${quote(id)} is not in src/ any more`);
    }
  }
  const all = [...messages.keys()].map(id => [id, known[id] ?? []]);
  return [path, { '': head, ...Object.fromEntries(all) }];
}

const messages = extract();
const file = join(locale, `${DOMAIN}.pot`);
const text = catalogue(messages);
if (!values.check) {
  writeFileSync(file, text);
} else if (!existsSync(file) || readFileSync(file, 'utf-8') !== text) {
  wrong.push(`${relative(values.root, file)} is stale: make i18n`);
}
for (const entry of readdirSync(locale, { withFileTypes: true })) {
  if (entry.isDirectory()) {
    const [path, content] = compare(entry.name, messages);
    if (!values.check) {
      writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
    }
  }
}
process.stdout.write(`${messages.size} messages\n`);
if (wrong.length > 0) {
  process.stderr.write(`${wrong.join('\n')}\n`);
  process.exitCode = 1;
}
