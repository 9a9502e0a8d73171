// The run's tables: decoded from the page, chosen from by column values, written as CSV.

const TYPES = { float64: Float64Array, float32: Float32Array, int32: Int32Array, text: Int32Array,
  list: Float32Array, lengths: Int32Array };

/** The bytes that `text` (base64 of gzip) stands for. */
async function unpacked(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k += 1) bytes[k] = letters.charCodeAt(k);
  return bytes;
}

/** Run the script that element `id` of the page holds, packed. */
async function runLibrary(id) {
  const script = new TextDecoder().decode(await unpacked(document.getElementById(id).textContent));
  document.head.append(element("script", { textContent: script }));
}

class Table {
  /** `made`: what encode.py makes of a table; `bytes`: its unpacked data. */
  constructor(name, made, bytes) {
    this.name = name;
    this.rows = made.rows;
    this.columns = new Map();
    let offset = 0;
    for (const column of made.columns) {
      const values = unshuffled(bytes, offset, column.length, TYPES[column.kind]);
      offset += values.byteLength;
      if (column.kind === "lengths") this.columns.get(column.name).starts = starts(values);
      else this.columns.set(column.name, { ...column, data: values });
    }
  }

  has(column) { return this.columns.has(column); }

  /** The value in `column` of row `row`; null where it is missing. */
  value(column, row) {
    const { kind, data, values, starts } = this.columns.get(column);
    if (kind === "text") return data[row] < 0 ? null : values[data[row]];
    if (kind === "list") return data.subarray(starts[row], starts[row + 1]);
    return Number.isNaN(data[row]) ? null : data[row];
  }

  /** The numbers of the rows that have these values, `{column: value or array of values}`. */
  where(wanted) {
    const tests = Object.entries(wanted).filter(([name]) => this.has(name)).map(([name, value]) => {
      const { kind, data, values } = this.columns.get(name);
      const among = [value].flat().map((one) => {
        if (kind === "text") return one === null ? -1 : values.indexOf(one);
        return one === null ? NaN : one;
      });
      return [data, among];
    });
    const candidates = typeof wanted.epoch === "number" && this.has("epoch") ? this.#ofEpoch(wanted.epoch) : this.#everyRow();
    return candidates.filter((row) => tests.every(([data, among]) => among.includes(data[row])));
  }

  /** The rows of `epoch`: found for all epochs at once, when first asked for. */
  #ofEpoch(epoch) {
    this.byEpoch ??= this.groups("epoch", this.#everyRow());
    return this.byEpoch.get(epoch) ?? [];
  }

  #everyRow() { return Array.from({ length: this.rows }, (_, row) => row); }

  /** The values of `column`, each once, numbers sorted. */
  distinct(column, rows = null) {
    if (!this.has(column)) return [];
    const found = new Set();
    for (let k = 0; k < (rows ? rows.length : this.rows); k += 1) {
      found.add(this.value(column, rows ? rows[k] : k));
    }
    const all = [...found].filter((one) => one !== null);
    return all.every((one) => typeof one === "number") ? all.sort((a, b) => a - b) : all;
  }

  /** Rows by the value that they have in `column`. */
  groups(column, rows) {
    const found = new Map();
    for (const row of rows) {
      const value = this.value(column, row);
      if (!found.has(value)) found.set(value, []);
      found.get(value).push(row);
    }
    return new Map([...found].sort(([a], [b]) => (typeof a === "number" ? a - b : 0)));
  }

  /** CSV (RFC 4180); numbers as short as they can be read again. */
  csv() {
    const parts = [...this.columns.values()].map((column) => this.#cells(column));
    const lines = [parts.flatMap((part) => part.names).join(",")];
    for (let row = 0; row < this.rows; row += 1) {
      lines.push(parts.flatMap((part) => part.cells(row)).join(","));
    }
    return lines.join("\n") + "\n";
  }

  #cells({ name, kind, starts }) {
    if (kind === "list") {
      let width = 0;
      for (let row = 0; row < this.rows; row += 1) width = Math.max(width, starts[row + 1] - starts[row]);
      const places = [...Array(width).keys()];
      const cells = (row) => {
        const values = this.value(name, row);
        return places.map((k) => (k < values.length ? short(values[k]) : ""));
      };
      return { names: places.map((k) => `${name}_${k}`), cells };
    }
    const text = kind === "float32" ? short : quoted;
    return { names: [quoted(name)], cells: (row) => [this.value(name, row) === null ? "" : text(this.value(name, row))] };
  }
}

/** Where each row's list begins, and where the last ends. */
function starts(lengths) {
  const found = new Int32Array(lengths.length + 1);
  lengths.forEach((length, row) => { found[row + 1] = found[row] + length; });
  return found;
}

/** `count` values of `Type` whose bytes of equal rank lie together from `offset` on. */
function unshuffled(bytes, offset, count, Type) {
  const size = Type.BYTES_PER_ELEMENT;
  const sorted = new Uint8Array(bytes, offset, count * size);
  const mixed = new Uint8Array(count * size);
  for (let rank = 0; rank < size; rank += 1) {
    for (let k = 0; k < count; k += 1) mixed[k * size + rank] = sorted[rank * count + k];
  }
  return new Type(mixed.buffer);
}

/** A float32 in as few digits as tell it from others. */
function short(value) {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

function quoted(value) {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
