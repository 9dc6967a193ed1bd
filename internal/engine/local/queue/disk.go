package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// bucketName is the queue's bucket. Keys are numbers in the order of arrival; values are the due time in ns (8 bytes),
// the length of the group (2 bytes), the group and the body.
const bucketName = "later"

const (
	headSize = 8 + 2
	maxGroup = 256
)

// errGone says that an item is not on the disk any more.
var errGone = errors.New("the event is not in the file")

// disk is the queue's part of the database.
type disk struct {
	db     *bolt.DB
	writes *writes
}

// open makes the bucket if need be and gives a ticket for every item in it.
func (d disk) open(add func(ticket)) error {
	return d.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucketName))
		if err != nil {
			return fmt.Errorf("cannot make bucket: %w", err)
		}
		return b.ForEach(func(key, value []byte) error {
			it, err := decode(value)
			if err != nil {
				return err
			}
			add(ticketOf(binary.BigEndian.Uint64(key), it))
			return nil
		})
	})
}

func ticketOf(id uint64, it Item) ticket {
	return ticket{id: id, group: it.Group, due: it.Due.UnixNano(), size: int64(len(it.Body))}
}

// put adds an item. Several at the same time share one write.
func (d disk) put(it Item) (id uint64, err error) {
	err = d.writes.do(func(tx *bolt.Tx) error {
		id, err = add(tx, it)
		return err
	})
	return id, err
}

func add(tx *bolt.Tx, it Item) (uint64, error) {
	if len(it.Group) > maxGroup {
		return 0, fmt.Errorf("group %.40q… has %d bytes, more than %d", it.Group, len(it.Group), maxGroup)
	}
	b := tx.Bucket([]byte(bucketName))
	id, err := b.NextSequence()
	if err != nil {
		return 0, fmt.Errorf("cannot count events: %w", err)
	}
	if err := b.Put(key(id), encode(it)); err != nil {
		return 0, fmt.Errorf("cannot write an event: %w", err)
	}
	return id, nil
}

// settle replaces an item by its outcome and gives tickets for what is new.
func (d disk) settle(t ticket, out Outcome) (added []ticket, err error) {
	more := out.More
	if out.Again != nil {
		more = append([]Item{*out.Again}, more...)
	}
	err = d.writes.do(func(tx *bolt.Tx) error {
		added = nil
		if err := tx.Bucket([]byte(bucketName)).Delete(key(t.id)); err != nil {
			return fmt.Errorf("cannot delete an event: %w", err)
		}
		for _, it := range more {
			id, err := add(tx, it)
			if err != nil {
				return err
			}
			added = append(added, ticketOf(id, it))
		}
		return nil
	})
	return added, err
}

func (d disk) read(t ticket) (it Item, err error) {
	err = d.db.View(func(tx *bolt.Tx) error {
		value := tx.Bucket([]byte(bucketName)).Get(key(t.id))
		if value == nil {
			return errGone
		}
		it, err = decode(value)
		return err
	})
	return it, err
}

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func encode(it Item) []byte {
	value := make([]byte, 0, headSize+len(it.Group)+len(it.Body))
	value = binary.BigEndian.AppendUint64(value, uint64(it.Due.UnixNano())) //nolint:gosec // read back as int64
	value = binary.BigEndian.AppendUint16(value, uint16(len(it.Group)))     //nolint:gosec // at most maxGroup
	value = append(value, it.Group...)
	return append(value, it.Body...)
}

// decode reads a value and shares nothing with it.
func decode(value []byte) (Item, error) {
	if len(value) < headSize {
		return Item{}, fmt.Errorf("a stored event of %d bytes is damaged", len(value))
	}
	due := int64(binary.BigEndian.Uint64(value)) //nolint:gosec // written from int64
	group := int(binary.BigEndian.Uint16(value[8:]))
	rest := value[headSize:]
	if len(rest) < group {
		return Item{}, fmt.Errorf("a stored event of %d bytes is damaged", len(value))
	}
	return Item{Group: string(rest[:group]), Due: time.Unix(0, due), Body: append([]byte(nil), rest[group:]...)}, nil
}
