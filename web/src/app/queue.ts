// Feedback samples wait in IndexedDB until the server has stored them, across reloads, tabs and network failures.

import { send, type FeedbackSample, type Sent } from "./server.js";

const STORE = "feedback";

const opened = (): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open("tenfold", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage is blocked"));
    request.onblocked = () => reject(new Error("storage is in use by another tab"));
  });

const done = <T>(database: IDBDatabase, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error("storage is full"));
  });

const within = async <T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
  const database = await opened();
  try {
    return await done(database, mode, work);
  } finally {
    database.close();
  }
};

// Throws if the browser's storage is full or blocked.
export const keep = (sample: FeedbackSample): Promise<unknown> => within("readwrite", (store) => store.put(sample));
export const waiting = (): Promise<FeedbackSample[]> => within("readonly", (store) => store.getAll() as IDBRequest<FeedbackSample[]>);
const forget = (id: string) => within("readwrite", (store) => store.delete(id));

// Sends the queued samples, one tab at a time, and deletes those that were stored. Rejected samples are deleted too: they
// would be rejected again.
export const flush = async (deliver: (sample: FeedbackSample) => Promise<Sent> = send): Promise<Sent | null> => {
  const work = async (): Promise<Sent | null> => {
    let last: Sent | null = null;
    for (const sample of await waiting()) {
      last = await deliver(sample);
      if (last === "later" || last === "token") return last;
      await forget(sample.id);
    }
    return last;
  };
  // Plain http has no locks: two tabs may send the same sample then, and the server stores it once.
  return navigator.locks ? navigator.locks.request("tenfold-feedback", work) : work();
};
